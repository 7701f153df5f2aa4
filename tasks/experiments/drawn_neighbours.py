"""Neighbours of the rows that SMOTE draws, instead of those of all rows.

SMOTE (Chawla et al. 2002, "SMOTE: Synthetic Minority Over-sampling Technique", JAIR 16, section 4.2) draws rows of a
class, and one of the nearest neighbours of each. imbalanced-learn first searches the neighbours of every row of the
class, which takes time that grows with the square of its rows, most of it for rows that are not drawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Rows = NDArray[np.float64]
_Numbers = NDArray[np.int64]

_KEPT: dict[bytes, _Numbers] = {}
"""Neighbours that were searched last in this process, by the digest of the rows.

All points of a grid are tried on the same balanced rows; to digest rows takes a thirtieth of the time of the search.
"""
_MOST_KEPT = 16


def drawn_neighbours(n_neighbours: int) -> Any:
    """Return an estimator for `k_neighbors` of imbalanced-learn's `SMOTE`, which then makes the same rows in less time.

    Args:
        n_neighbours: number of neighbours besides the row itself
    """
    from sklearn.neighbors import NearestNeighbors

    class DrawnNeighbours(NearestNeighbors):  # type: ignore[misc]  # scikit-learn has no types
        def kneighbors(self, X: _Rows, n_neighbors: int | None = None, return_distance: bool = False) -> Any:
            def search(rows: _Rows) -> _Numbers:
                key = _digest(self._fit_X, rows, np.array(self.n_neighbors))
                if (numbers := _KEPT.pop(key, None)) is None:
                    numbers = super(DrawnNeighbours, self).kneighbors(rows, n_neighbors, return_distance=False)
                # the least recently used come first
                _KEPT[key] = numbers
                while len(_KEPT) > _MOST_KEPT:
                    del _KEPT[next(iter(_KEPT))]
                return numbers

            return _Table(search, X, self.n_neighbors)

    return DrawnNeighbours(n_neighbors=n_neighbours + 1)


@dataclass(frozen=True)
class _Table:
    """Neighbours of all rows, shape (n_rows, n_neighbours), with what imbalanced-learn reads of an array.

    Args:
        search: rows → the numbers of their neighbours, nearest first
        rows: the rows, shape (n_rows, n_features)
        n_neighbours: that `search` returns
        first: number of neighbours that are left out; 1 without the row itself
    """

    search: Callable[[_Rows], _Numbers]
    rows: _Rows
    n_neighbours: int
    first: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), self.n_neighbours - self.first

    @property
    def size(self) -> int:
        return self.shape[0] * self.shape[1]

    def __getitem__(self, key: tuple[Any, Any]) -> Any:
        rows, columns = key
        if isinstance(rows, slice):
            return replace(self, first=self.first + columns.start)
        drawn, places = np.unique(rows, return_inverse=True)
        return self.search(self.rows[drawn])[places, columns + self.first]


def _digest(*arrays: NDArray[Any]) -> bytes:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()
