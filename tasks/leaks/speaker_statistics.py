"""Features normalised with a test speaker's own statistics: read off the features, not off what someone says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.leaks.finding import MOST_EXAMPLES, Finding
from tasks.leaks.sides import FoldRows, Rows

CHECK = "speaker statistics"
MIN_ROWS = 3
_TOLERANCE = 1e-3


def check(features: NDArray[np.float64], speaker: Rows, names: Sequence[str], splits: Sequence[FoldRows]) -> Finding:
    """Find test speakers whose features have mean 0 each: nothing but their own mean, taken away, does that.

    Args:
        features: as the classifier is given them, shape (n_rows, n_features)
        speaker: number of every row's speaker, below 0 for none, shape (n_rows,)
        names: the speakers' names
        splits: the folds
    """
    tested = np.unique(np.concatenate([speaker[split.test] for split in splits]))
    scale = features.std(axis=0)
    varying = scale > 0
    own, looked = [], 0
    for one in tested[tested >= 0].tolist():
        rows = features[speaker == one]
        if len(rows) < MIN_ROWS or not varying.any():
            continue
        looked += 1
        offset = np.abs(rows.mean(axis=0)[varying]) / scale[varying]
        if offset.max() < _TOLERANCE:
            own.append(names[one])
    what = f"{len(own)} of {looked} test speakers have features of mean 0: their own test rows were used to normalise"
    # a single speaker in all is his own mean after any scaling
    n = len(own) if looked > 1 else 0
    return Finding(CHECK, "violation", n, looked, what, tuple(own[:MOST_EXAMPLES]))
