from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from tasks.core.config import Config
from tasks.simulate import interviews, sound
from tasks.simulate.voices import RATE_HZ


@pytest.fixture(scope="module")
def interview(settings: Config) -> interviews.Interview:
    return interviews.plan(settings.simulate)[0]


@pytest.fixture(scope="module")
def recording(interview: interviews.Interview) -> sound.Recording:
    return sound.record(interview, noise_db=-30)


def power_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(samples**2)))


def test_an_interview_lasts_about_a_minute_and_does_not_clip(recording: sound.Recording) -> None:
    assert 30 <= recording.duration_s <= 60
    assert np.abs(recording.samples).max() < 1


def test_utterances_follow_each_other_inside_the_sound(recording: sound.Recording) -> None:
    ends = [0.0, *(utterance.end_s for utterance in recording.utterances)]
    for utterance, before_s in zip(recording.utterances, ends, strict=False):
        assert before_s + 0.25 < utterance.start_s < utterance.end_s < recording.duration_s
        assert len(utterance.words_s) == len(utterance.text.split())
        assert all(utterance.start_s <= start_s <= utterance.end_s for start_s in utterance.words_s)


def test_the_labelled_sentences_are_long_enough(recording: sound.Recording) -> None:
    lengths_s = [utterance.end_s - utterance.start_s for utterance in recording.utterances if utterance.intent]
    assert np.mean(np.array(lengths_s) >= 2) > 0.9
    assert 2 <= np.median(lengths_s) <= 5


def test_noise_lies_where_it_is_asked_for(interview: interviews.Interview) -> None:
    recording = sound.record(interview, noise_db=-20)
    speech = np.concatenate(
        [recording.samples[round(u.start_s * RATE_HZ) : round(u.end_s * RATE_HZ)] for u in recording.utterances]
    )
    silence = recording.samples[: round(recording.utterances[0].start_s * RATE_HZ)]
    assert power_db(silence) - power_db(speech) == pytest.approx(-20, abs=2)


@pytest.mark.parametrize(("prosody", "lowest", "highest"), [(0.0, 0.95, 1.05), (0.5, 1.05, 1.3), (1.0, 1.2, 1.8)])
def test_the_voice_itself_carries_as_much_sentiment_as_prosody_says(
    settings: Config, f0_hz: Callable[[np.ndarray], float], prosody: float, lowest: float, highest: float
) -> None:
    """F0 of positive sentences over that of negative ones, each relative to its speaker."""
    pitches = defaultdict(list)
    for interview in interviews.plan(settings.simulate.model_copy(update={"prosody": prosody}))[:8]:
        recording = sound.record(interview, noise_db=-60)
        labelled = [utterance for utterance in recording.utterances if utterance.intent]
        f0 = [f0_hz(recording.samples[round(u.start_s * RATE_HZ) : round(u.end_s * RATE_HZ)]) for u in labelled]
        for utterance, pitch_hz in zip(labelled, f0, strict=True):
            pitches[utterance.intent].append(pitch_hz / np.median(f0))
    assert lowest < np.mean(pitches["positive"]) / np.mean(pitches["negative"]) < highest


@pytest.mark.parametrize("name", ["a.m4a", "a.webm"])
def test_encoding_is_decodable_and_the_same_every_time(
    interview: interviews.Interview, tmp_path: Path, name: str
) -> None:
    short = replace(interview, lines=interview.lines[:2])
    recording = sound.record(short, noise_db=-30)
    paths = [tmp_path / "one" / name, tmp_path / "two" / name]
    for path in paths:
        sound.encode(recording, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with av.open(str(paths[0])) as container:
        decoded = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    assert decoded == pytest.approx(recording.duration_s, abs=0.15)
