"""Products of rows with weights that do not depend on the other rows.

BLAS sums in another order for one row than for many, which changes the last bits: a model would score an utterance of a
new recording otherwise than the same utterance among a corpus.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def row_products(features: Any, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `features @ weights.T`, shape (n_rows, n_outputs).

    Args:
        features: dense or sparse, shape (n_rows, n_features)
        weights: shape (n_outputs, n_features)
    """
    if not isinstance(features, np.ndarray):
        # sparse products are summed row by row
        return np.asarray(features @ weights.T)
    rows = np.ascontiguousarray(features, dtype=np.float64)
    products = np.empty((len(rows), len(weights)))
    for number, plane in enumerate(weights):
        # sums along contiguous memory are pairwise within each row
        products[:, number] = (rows * plane).sum(axis=1)
    return products
