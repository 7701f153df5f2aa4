"""Runs of speech from probabilities."""

from __future__ import annotations

import numpy as np

from tasks.media.voices.speech_runs import speech_runs


def runs(*values: tuple[float, int]) -> list[list[int]]:
    return speech_runs(np.concatenate([np.full(n, value, np.float32) for value, n in values])).tolist()


def test_hysteresis() -> None:
    assert runs((0.1, 5), (0.9, 10), (0.4, 5), (0.1, 5)) == [[5, 20]]
    assert runs((0.1, 5), (0.4, 20), (0.1, 5)) == [], "never above the upper threshold"


def test_short_gaps_are_joined_and_short_runs_dropped() -> None:
    assert runs((0.9, 10), (0.0, 2), (0.9, 10)) == [[0, 22]]
    assert runs((0.9, 10), (0.0, 8), (0.9, 10)) == [[0, 10], [18, 28]]
    assert runs((0.0, 10), (0.9, 2), (0.0, 10)) == []


def test_no_sound() -> None:
    assert runs((0.0, 0)) == []
