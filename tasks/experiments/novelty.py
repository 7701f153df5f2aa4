"""Novelty of a row: the distance of its features from those of the training rows.

The root mean square of z-scores, about 1 for the training rows. A sequence counts with its mean over time; texts do not
count. A row above the bound, which 1 % of the training rows exceed, is unlike the training part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.core.column_blocks import column_blocks
from tasks.models.base.estimator import Inputs

FILE = "novelty.safetensors"
QUANTILE = 0.99
_LEAST_SPREAD = 1e-9
"""Features whose standard deviation is below this share of their mean's size are constant, and do not count."""
_PART = 10_000
"""Rows whose novelty is computed at a time."""

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class TrainingSpread:
    """Means and standard deviations of the training rows' features.

    Args:
        means: block → shape (n_features,)
        spreads: block → shape (n_features,); infinite for features that do not count
    """

    means: Mapping[str, Vector]
    spreads: Mapping[str, Vector]

    def novelty(self, inputs: Inputs) -> Vector:
        """Return the novelty of rows, NaN for a row without any of the blocks; shape (n_rows,).

        Args:
            inputs: rows with the blocks of the training part, not scaled
        """
        # in parts: there are four more arrays of this size for a moment
        parts = [np.arange(start, min(start + _PART, len(inputs))) for start in range(0, len(inputs), _PART)]
        return np.concatenate([np.empty(0), *(self._novelty(inputs.rows(part)) for part in parts)])

    def _novelty(self, inputs: Inputs) -> Vector:
        squares, n_features = np.zeros(len(inputs)), np.zeros(len(inputs))
        for name, mean in self.means.items():
            scores = (_summary(inputs, name) - mean) / self.spreads[name]
            squares += np.nansum(scores**2, axis=1)
            n_features += ~np.isnan(scores[:, 0]) * np.isfinite(self.spreads[name]).sum()
        with np.errstate(invalid="ignore"):
            return np.sqrt(squares / n_features)

    def to_bytes(self) -> bytes:
        """Return means and deviations as safetensors: `BLOCK.mean`, `BLOCK.spread`."""
        from safetensors.numpy import save

        arrays = {f"{name}.mean": mean for name, mean in self.means.items()}
        return save(arrays | {f"{name}.spread": spread for name, spread in self.spreads.items()})


def measure(training: Inputs) -> TrainingSpread | None:
    """Return the spread of training rows; None if they have no vectors or sequences, or no feature that varies.

    Args:
        training: rows, not scaled
    """
    means, spreads = {}, {}
    for name in (*training.vectors, *training.sequences):
        # vectors as they are: in double precision, and for deviations, they take four times their memory
        values = training.vectors[name] if name in training.vectors else _summary(training, name)
        if (empty := np.isnan(values[:, 0])).any():
            values = values[~empty]
        if not len(values):
            continue
        moments = [_moments(block) for block in column_blocks(values)]
        mean, spread = (np.concatenate(parts) for parts in zip(*moments, strict=True))
        spread[spread <= _LEAST_SPREAD * np.abs(mean)] = np.inf
        if np.isfinite(spread).any():
            means[name], spreads[name] = mean, spread
    return TrainingSpread(means, spreads) if means else None


def from_bytes(content: bytes) -> TrainingSpread:
    """Return a spread.

    Args:
        content: from `TrainingSpread.to_bytes`
    """
    from safetensors.numpy import load

    arrays = load(content)
    blocks = sorted(name.removesuffix(".mean") for name in arrays if name.endswith(".mean"))
    return TrainingSpread(
        {name: arrays[f"{name}.mean"] for name in blocks}, {name: arrays[f"{name}.spread"] for name in blocks}
    )


def bound(novelty: Vector) -> float:
    """Return the novelty above which a row is unlike the training part.

    Args:
        novelty: of the training rows, shape (n_rows,)
    """
    return float(np.nanquantile(novelty, QUANTILE))


def _moments(values: NDArray[np.floating]) -> tuple[Vector, Vector]:
    precise = np.asarray(values, dtype=np.float64)
    return precise.mean(axis=0), precise.std(axis=0)


def _summary(inputs: Inputs, name: str) -> Vector:
    """Return a block as vectors, shape (n_rows, n_features): NaN for sequences without a step."""
    if name in inputs.vectors:
        return np.asarray(inputs.vectors[name], dtype=np.float64)
    sequences = inputs.sequences[name]
    summary = np.full((len(inputs), sequences.steps.shape[1]), np.nan)
    for row in np.flatnonzero(sequences.lengths):
        summary[row] = np.asarray(sequences[int(row)], dtype=np.float64).mean(axis=0)
    return summary
