"""Fingerprints: copies agree despite changes of level, rate or start; other recordings do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from tasks.core.errors import AudioError
from tasks.leaks.sound import MAX_BIT_ERROR_RATE, near_duplicates
from tasks.media.fingerprint import QUIET, bit_error_rate, fingerprint
from tasks.simulate import acting
from tasks.simulate.acting import Take
from tasks.simulate.voices import speaker

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def voices() -> list[np.ndarray]:
    texts = ("the train leaves at nine", "my aunt keeps bees in the garden")
    takes = [Take(text, actor, emotion) for actor in (1, 2, 3) for text in texts for emotion in ("anger", "sadness")]
    with speaker() as voice:
        return [resample_poly(acting.perform(voice, take), RATE_HZ, acting.RATE_HZ) for take in takes]


def test_copies_agree_and_nothing_else(voices: list[np.ndarray]) -> None:
    rng = np.random.default_rng(1)
    copies = [
        0.1 * voices[0],
        resample_poly(resample_poly(voices[1], 1, 2), 2, 1),
        voices[2][700:],
        voices[3] + 0.003 * rng.standard_normal(voices[3].size),
        np.concatenate([np.zeros(8000), voices[4], np.zeros(3000)]),
    ]
    prints = [fingerprint(clip, RATE_HZ) for clip in (*voices, *copies)]
    n = len(voices)
    assert [(a, b) for a, b, _ in near_duplicates(prints)] == [(i, n + i) for i in range(len(copies))]
    assert near_duplicates([np.empty(0, np.uint32), prints[0], prints[0][:0]]) == []


def test_the_best_offset_is_found(voices: list[np.ndarray]) -> None:
    whole = fingerprint(voices[0], RATE_HZ)
    rate, offset, n_frames = bit_error_rate(whole[10:], whole, 20)
    assert (rate, offset) == (0.0, 10)
    assert n_frames == np.count_nonzero(whole[10:])
    other, _, _ = bit_error_rate(whole, fingerprint(voices[3], RATE_HZ), 20)
    assert other > 2 * MAX_BIT_ERROR_RATE


def test_silence_is_not_compared() -> None:
    silent = fingerprint(np.zeros(RATE_HZ), RATE_HZ)
    assert set(silent.tolist()) == {QUIET}
    assert bit_error_rate(silent, silent, 5) == (1.0, 0, 0)
    assert near_duplicates([silent, silent]) == []


def test_invalid_signals_are_errors() -> None:
    with pytest.raises(AudioError, match="expected one channel"):
        fingerprint(np.zeros((2, 100)), RATE_HZ)
    with pytest.raises(AudioError, match="not finite"):
        fingerprint(np.array([0.0, np.nan]), RATE_HZ)


def test_takes_of_one_sentence_are_not_copies(real_data: Path) -> None:
    clips = sorted((real_data / "ravdess" / "Actor_01").glob("*.flac"))
    prints = [fingerprint(soundfile.read(clip, dtype="int16")[0], RATE_HZ) for clip in clips]
    assert len(prints) == 60
    assert near_duplicates(prints) == []
