"""Trim silence before and after speech."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Samples = TypeVar("Samples", NDArray[np.float32], NDArray[np.float64])

_LEAST_POWER = 1e-10


def trim(samples: Samples, top_db: float = 30.0, frame: int = 2048, hop: int = 512) -> Samples:
    """Remove silence at both ends, like `librosa.effects.trim` (0.11).

    Speech extends from the first frame less than `top_db` below the loudest to one hop after the last such frame.
    Frames are centred at every `hop`-th sample; the signal is padded with zeros. RMS levels are limited to -100 dB of
    full scale from below, so that digital silence is returned unchanged.

    Args:
        samples: full scale 1, shape (n_samples,)
        top_db: threshold below the loudest frame in dB, above 0
        frame: frame length in samples
        hop: step between frames in samples

    Returns:
        a view of the signal, shape (n_kept,)

    Raises:
        ValueError: if `top_db`, `frame` or `hop` is not above 0

    Example:
        >>> tone = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
        >>> trim(np.concatenate([np.zeros(16_000), tone])).size
        16640
    """
    for name, value in (("top_db", top_db), ("frame", frame), ("hop", hop)):
        if not value > 0:
            raise ValueError(f"{name} is {value}; it must be above 0")
    if not samples.size:
        return samples
    power = np.maximum(_powers(samples, frame, hop), _LEAST_POWER)
    (sounding,) = np.nonzero(10 * np.log10(power / power.max()) > -top_db)
    return samples[sounding[0] * hop : (sounding[-1] + 1) * hop]


def _powers(samples: NDArray[np.floating], frame: int, hop: int) -> NDArray[np.float64]:
    """Return the mean square of each frame, from differences of a cumulative sum."""
    half = frame // 2
    starts = np.arange(0, samples.size + 2 * half - frame + 1, hop) - half
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    ends = np.clip(starts + frame, 0, samples.size)
    return np.asarray((energy[ends] - energy[np.maximum(starts, 0)]) / frame)
