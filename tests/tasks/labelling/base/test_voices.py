"""Prosody of utterances: levels, pitch and rates with known answers, relative to their speaker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tasks.core import paths
from tasks.labelling.base import registry, voices
from tasks.labelling.base.contexts import SpokenText
from tasks.labelling.base.voter_input import Prosody, VoterInput

RATE_HZ = 16_000


def spoken_video(levels: list[float], pitches: list[float], folder: Path) -> list[SpokenText]:
    rng = np.random.default_rng(4)
    time_s = np.arange(RATE_HZ) / RATE_HZ
    parts = []
    for level, f0 in zip(levels, pitches, strict=True):
        tone = sum(np.sin(2 * np.pi * f0 * k * time_s) / k for k in (1, 2, 3))
        parts.append(level * tone + 1e-4 * rng.standard_normal(time_s.size))
    paths.MEDIA.mkdir(parents=True)
    soundfile.write(paths.MEDIA / "v.flac", np.concatenate(parts), RATE_HZ, subtype="PCM_16")
    return [SpokenText("two words", float(k), k + 1.0) for k in range(len(levels))]


def test_a_raised_and_higher_voice_stands_out(project: Path) -> None:
    levels = [0.1 + 0.002 * k for k in range(11)] + [0.3]
    pitches = [120.0 + k for k in range(11)] + [240.0]
    spoken = spoken_video(levels, pitches, project)
    prosody = voices.prosody("v", "v.flac", "0", spoken)
    raised = prosody[-1]
    assert raised.level is not None
    assert raised.pitch is not None
    assert raised.level > 3
    assert raised.pitch > 3
    usual = prosody[5]
    assert usual.level == pytest.approx(0, abs=0.5)
    assert usual.pitch == pytest.approx(0, abs=0.5)
    assert all(voice.rate is None for voice in prosody), "equal rates have no spread"
    votes = registry.load("prosody").cast(
        [VoterInput("", prosody=voice, utterance_id=str(k)) for k, voice in enumerate(prosody)]
    )
    assert np.isnan(votes.polarities[5])
    assert votes.polarities[-1] == -0.5


def test_speakers_are_compared_with_themselves(project: Path) -> None:
    levels = [0.1 + 0.002 * (k % 10) for k in range(10)] + [0.4 + 0.002 * k for k in range(10)] + [0.4]
    spoken = spoken_video(levels, [120.0] * 21, project)
    speakers = ["a"] * 10 + ["b"] * 10 + ["c"]
    spoken = [SpokenText(s.text, s.start_s, s.end_s, name) for s, name in zip(spoken, speakers, strict=True)]
    prosody = voices.prosody("v", "v.flac", "0", spoken)
    assert all(voice.level is not None and abs(voice.level) < 2 for voice in prosody[:20])
    assert prosody[20] == Prosody(), "one utterance of a speaker has nothing to be compared with"


def test_an_utterance_after_the_end_and_silence_have_no_values(project: Path) -> None:
    spoken = spoken_video([0.1 + 0.002 * k for k in range(12)], [120.0] * 12, project)
    prosody = voices.prosody("v", "v.flac", "0", [*spoken, SpokenText("late", 20.0, 21.0)])
    assert prosody[-1] == Prosody()


def test_too_few_values_have_no_spread() -> None:
    values = np.arange(voices.MIN_UTTERANCES - 1, dtype=float)[:, None]
    assert np.isnan(voices.standardised(values)).all()
    more = np.arange(voices.MIN_UTTERANCES + 1, dtype=float)[:, None]
    assert voices.standardised(more)[:, 0] == pytest.approx((more[:, 0] - 5) / (1.4826 * 3))
