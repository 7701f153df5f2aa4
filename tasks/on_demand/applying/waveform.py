"""Outline of a medium's sound over time, for a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.core import sound_files

_BLOCK_SAMPLES = 1 << 20


def outline(flac: Path, n_columns: int) -> NDArray[np.float32]:
    """Return the lowest and the highest sample in equal stretches of time, full scale being 1; shape (n, 2).

    Args:
        flac: sound that undertone decoded, read block by block
        n_columns: stretches at most
    """
    with sound_files.opened(flac) as sound:
        per_column = max(-(-sound.frames // n_columns), 1)
        block = max(_BLOCK_SAMPLES // per_column, 1) * per_column
        parts = []
        while (samples := sound.read(block, dtype="float32")).size:
            starts = np.arange(0, samples.size, per_column)
            lowest, highest = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
            parts.append(np.column_stack([lowest, highest]))
    return np.concatenate(parts) if parts else np.zeros((1, 2), dtype=np.float32)
