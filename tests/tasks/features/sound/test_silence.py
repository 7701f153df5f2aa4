"""Trimming of silence at both ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tasks.features.sound.silence import trim


def tone(n_samples: int, level: float = 0.3) -> np.ndarray:
    return level * np.sin(2 * np.pi * 440 * np.arange(n_samples) / 16_000)


def planted(before: int = 6000, after: int = 5000, noise: float = 0.0) -> np.ndarray:
    whole = np.concatenate([np.zeros(before), tone(8000), np.zeros(after)])
    return whole + noise * np.random.default_rng(0).standard_normal(whole.size)


@pytest.mark.parametrize("noise", [0.0, 1e-3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_silence_is_trimmed(noise: float, dtype: type) -> None:
    whole = planted(noise=noise).astype(dtype)
    trimmed = trim(whole)
    assert trimmed.dtype == dtype
    start = trimmed.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    first = start // whole.itemsize
    # half a frame at most on either side, and a hop
    assert 6000 - 1024 <= first <= 6000 and 14_000 <= first + trimmed.size <= 14_000 + 1024 + 512
    np.testing.assert_array_equal(trimmed, whole[first : first + trimmed.size])


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        # librosa.effects.trim (0.11.0) of planted(), top_db=30 unless stated
        ({}, (5120, 15_360)),
        ({"top_db": 10}, (5632, 14_848)),
        ({"frame": 400, "hop": 160}, (5920, 14_240)),
        ({"frame": 401, "hop": 77}, (5852, 14_245)),
    ],
)
def test_equals_librosa(settings: dict[str, Any], kept: tuple[int, int]) -> None:
    np.testing.assert_array_equal(trim(planted(), **settings), planted()[slice(*kept)])


def test_pauses_are_kept() -> None:
    speech = np.concatenate([tone(4000), np.zeros(20_000), tone(4000)])
    assert trim(speech).size == speech.size


def test_results_do_not_depend_on_gain() -> None:
    noisy = planted(noise=1e-3)
    assert trim(1e-2 * noisy).size == trim(noisy).size < noisy.size


def test_a_louder_threshold_cuts_more() -> None:
    whole = np.concatenate([tone(8000, 0.003), tone(8000), tone(8000, 0.03)])
    everything, two_thirds, loudest = (trim(whole, top_db).size for top_db in (60, 30, 10))
    assert everything == whole.size > two_thirds > loudest > 8000


@pytest.mark.parametrize("n_samples", [0, 1, 300, 5000])
def test_digital_silence_is_unchanged(n_samples: int) -> None:
    np.testing.assert_array_equal(trim(np.zeros(n_samples)), np.zeros(n_samples))


@pytest.mark.parametrize("n_samples", [1, 511, 513, 2047])
def test_less_than_a_frame_is_speech(n_samples: int) -> None:
    assert trim(tone(n_samples) + 0.1).size == n_samples


@pytest.mark.parametrize("wrong", [{"top_db": 0.0}, {"frame": 0}, {"hop": 0}, {"top_db": float("nan")}])
def test_impossible_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        trim(planted(), **wrong)
