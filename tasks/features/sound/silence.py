"""Silence before and after speech."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Samples = TypeVar("Samples", NDArray[np.float32], NDArray[np.float64])

_LEAST_POWER = 1e-10


def trim(samples: Samples, top_db: float = 30.0, frame: int = 2048, hop: int = 512) -> Samples:
    """Return a signal without the silence at either end, as `librosa.effects.trim` (0.11) cuts it.

    Speech is from the first frame on that is less than `top_db` below the loudest, to the hop after the last such one.
    Frames have their middles at every `hop`-th sample from the first on; what lies beyond either end is zero. Levels
    are root mean squares, and those below -100 dB of full scale count as that: digital silence, all of it being as
    loud as its loudest frame, is returned unchanged.

    Args:
        samples: full scale 1, shape (n_samples,)
        top_db: how far below the loudest frame silence begins, above 0
        frame: samples of a frame
        hop: samples from one frame to the next

    Returns:
        a view of the signal, shape (n_kept,)

    Raises:
        ValueError: if `top_db`, `frame` or `hop` is not above 0
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
    """Return the mean square of every frame."""
    half = frame // 2
    starts = np.arange(0, samples.size + 2 * half - frame + 1, hop) - half
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    ends = np.clip(starts + frame, 0, samples.size)
    return np.asarray((energy[ends] - energy[np.maximum(starts, 0)]) / frame)
