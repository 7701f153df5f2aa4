"""Rows for tests of networks over spectrograms: one tone a row, and which way it moves is the class."""

from __future__ import annotations

import numpy as np

from tasks.features.base.sequences import Sequences
from tasks.models.base.estimator import Inputs

SPEAKERS = 8


def drawn(n: int, seed: int, n_classes: int = 2, n_frames: int = 24, n_bands: int = 12) -> tuple[Inputs, np.ndarray]:
    """Return rows of about n_frames frames whose loudest band moves: downwards in the first class, upwards in the last.

    Every tone is in the middle band half-way through, and moves by half the bands at most: no single frame and no
    average over time tells the outer classes apart. With one band, what moves is its level.

    Args:
        n: rows; the first n_classes of them are of one class each
        seed: of everything that is drawn
        n_classes: called "class-0", "class-1" …
        n_frames: of the longest rows; the shortest have three quarters of them
        n_bands: of each frame

    Returns:
        one block of sequences, `log-mel`, in dB, said by 8 speakers; and the classes, shape (n,)
    """
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, n - n_classes)])
    lengths = rng.integers(max(1, n_frames * 3 // 4), n_frames + 1, n)
    slopes = 2 * codes / (n_classes - 1) - 1
    rows = [_spectrogram(*case, n_bands, rng) for case in zip(slopes, lengths, strict=True)]
    starts = np.cumsum(lengths) - lengths
    block = Sequences(np.concatenate(rows).astype(np.float32), starts, lengths)
    units = np.array([f"speaker-{number}" for number in rng.integers(0, SPEAKERS, n)])
    return Inputs(units, sequences={"log-mel": block}), np.array([f"class-{code}" for code in codes])


def as_vectors(inputs: Inputs) -> Inputs:
    """Return the same rows as vectors: what every band gains from the first third to the last, in dB."""
    block = inputs.sequences["log-mel"]
    gains = []
    for row in range(len(block)):
        frames, third = block[row], max(1, int(block.lengths[row]) // 3)
        gains.append(frames[-third:].mean(axis=0) - frames[:third].mean(axis=0))
    return Inputs(inputs.units, {"gains": np.array(gains, dtype=np.float32)})


def _spectrogram(slope: float, n_frames: int, n_bands: int, rng: np.random.Generator) -> np.ndarray:
    """Return dB, shape (n_frames, n_bands): a tone 20 dB above noise at -40 dB, wider than a band."""
    moves = slope * np.linspace(-1, 1, n_frames) if n_frames > 1 else np.zeros(1)
    noise = -40 + 3 * rng.standard_normal((n_frames, n_bands))
    if n_bands == 1:
        return noise + 10 * moves[:, None]
    place = (n_bands - 1) / 2 + moves * n_bands / 4 + rng.uniform(-0.5, 0.5)
    away = (np.arange(n_bands) - place[:, None]) / (n_bands / 10)
    return noise + 20 * np.exp(-(away**2) / 2)
