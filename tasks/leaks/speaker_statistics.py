"""Features normalised with a test speaker's own statistics, detected from the feature values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.leaks.finding import MOST_EXAMPLES, Finding
from tasks.leaks.sides import FoldRows, Rows

CHECK = "speaker statistics"
_MIN_ROWS = 3
_TOLERANCE = 1e-3


def check(features: NDArray[np.float64], speaker: Rows, names: Sequence[str], splits: Sequence[FoldRows]) -> Finding:
    """Find test speakers whose features all have mean 0, which only subtracting their own mean achieves.

    Args:
        features: the classifier's input, shape (n_rows, n_features)
        speaker: number of every row's speaker, -1 for none, shape (n_rows,)
        names: the speakers' names
        splits: the folds
    """
    tested = np.unique(np.concatenate([speaker[split.test] for split in splits]))
    scale = features.std(axis=0)
    varying = scale > 0
    own, checked = [], 0
    for number in tested[tested >= 0].tolist():
        rows = features[speaker == number]
        if len(rows) < _MIN_ROWS or not varying.any():
            continue
        checked += 1
        offset = np.abs(rows.mean(axis=0)[varying]) / scale[varying]
        if offset.max() < _TOLERANCE:
            own.append(names[number])
    what = f"{len(own)} of {checked} test speakers have features of mean 0: their own test rows were used to normalise"
    # with a single speaker any standardisation gives mean 0, which proves nothing
    n = len(own) if checked > 1 else 0
    return Finding(CHECK, "violation", n, checked, what, tuple(own[:MOST_EXAMPLES]))
