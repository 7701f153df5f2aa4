"""Actors and faces: emotions change sound and picture, takes differ, and a repeated take is identical."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from tasks.corpora.labels import EMOTIONS
from tasks.simulate import acting, faces
from tasks.simulate.acting import Take
from tasks.simulate.voices import speaker

TEXT = "the train to the coast leaves at nine"


def test_every_emotion_can_be_acted_and_changes_the_delivery() -> None:
    calm = acting.delivery(Take(TEXT, 3, "neutral"))
    for emotion in EMOTIONS:
        spoken = acting.delivery(Take(TEXT, 3, emotion))
        assert spoken.voice == calm.voice
        assert (spoken == calm) == (emotion == "neutral")
    loud, quiet = (acting.delivery(Take(TEXT, 3, emotion)) for emotion in ("anger", "sadness"))
    assert loud.volume > quiet.volume
    assert loud.rate > quiet.rate
    with pytest.raises(KeyError):
        acting.delivery(Take(TEXT, 3, "hunger"))


def test_no_two_actors_share_a_voice() -> None:
    assert len({acting.voice(actor) for actor in range(350)}) == 350


def test_takes_are_their_own_and_the_same_again() -> None:
    takes = [Take(TEXT, 1, "anger", number) for number in range(2)]
    with speaker() as voice:
        first, second = (acting.perform(voice, take) for take in takes)
    with speaker() as voice:
        again = acting.perform(voice, takes[0])
    assert np.array_equal(first, again)
    assert first.size != second.size or not np.array_equal(first, second)
    assert 0.05 < np.abs(first).max() <= 1


@pytest.mark.parametrize(("name", "rate_hz"), [("a.wav", 48_000), ("b.flac", 8000)])
def test_sound_is_written_at_another_rate(name: str, rate_hz: int, tmp_path: Path) -> None:
    acting.write(0.5 * np.ones(acting.RATE_HZ), tmp_path / name, rate_hz=rate_hz)
    info = soundfile.info(tmp_path / name)
    assert (info.samplerate, info.frames, info.subtype) == (rate_hz, rate_hz, "PCM_16")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_face_moves_with_loudness_and_emotion(tmp_path: Path) -> None:
    silence, speech = np.zeros(acting.RATE_HZ), 0.3 * np.sin(np.arange(acting.RATE_HZ) / 20)
    sound = np.concatenate([silence, speech])
    for emotion in ("happiness", "anger"):
        faces.film(sound, emotion, tmp_path / f"{emotion}.mp4", seed=1)
    pictures = {path.stem: _frames(path) for path in tmp_path.iterdir()}
    assert pictures["anger"].shape[1:] == (faces.HEIGHT, faces.WIDTH, 3)
    assert abs(len(pictures["anger"]) - 2 * faces.FRAMES_PER_S) <= 1
    mouth = slice(75, 100), slice(60, 100)
    dark = (pictures["anger"].astype(int).sum(axis=3) < 330)[:, mouth[0], mouth[1]].sum(axis=(1, 2))
    assert dark[12:18].mean() > 1.5 * dark[2:8].mean()
    assert np.abs(pictures["anger"][5].astype(int) - pictures["happiness"][5]).mean() > 3


def _frames(path: Path) -> np.ndarray:
    with av.open(path) as film:
        assert film.streams.audio
        return np.stack([frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)])
