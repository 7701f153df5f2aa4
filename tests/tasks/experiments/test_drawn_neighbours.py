"""SMOTE with the neighbours of drawn rows alone makes the rows that SMOTE makes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from imblearn.combine import SMOTETomek
from imblearn.over_sampling import SMOTE
from numpy.typing import NDArray

from tasks.experiments import drawn_neighbours as module
from tasks.experiments.drawn_neighbours import drawn_neighbours

Rows = NDArray[np.float64]


def _rows(sizes: tuple[int, ...], n_features: int) -> tuple[Rows, NDArray[Any]]:
    rng = np.random.default_rng(n_features)
    labels = np.repeat([f"class {number}" for number in range(len(sizes))], sizes)
    return rng.normal(size=(labels.size, n_features)), labels


# few features: a tree; many: all distances. A rare class is drawn from more often than it has rows
@pytest.mark.parametrize("n_features", [3, 40])
@pytest.mark.parametrize("sizes", [(90, 80, 7), (50, 50, 50), (300, 200, 299)])
@pytest.mark.parametrize("k", [1, 5])
def test_same_rows_as_smote(sizes: tuple[int, ...], n_features: int, k: int) -> None:
    features, labels = _rows(sizes, n_features)
    theirs = SMOTE(k_neighbors=k, random_state=4).fit_resample(features, labels)
    ours = SMOTE(k_neighbors=drawn_neighbours(k), random_state=4).fit_resample(features, labels)
    assert (theirs[0] == ours[0]).all()
    assert (theirs[1] == ours[1]).all()


def test_same_rows_with_repeats_and_in_smote_tomek() -> None:
    features, labels = _rows((60, 30), 5)
    features[3:9] = features[0]
    features[65:70] = features[64]
    rows = [
        SMOTETomek(smote=SMOTE(k_neighbors=neighbours, random_state=1), random_state=1).fit_resample(features, labels)[
            0
        ]
        for neighbours in (5, drawn_neighbours(5))
    ]
    assert (rows[0] == rows[1]).all()


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list to which each search for neighbours adds its number of rows; nothing is kept from earlier ones."""
    from sklearn.neighbors import NearestNeighbors

    numbers, search = list[int](), NearestNeighbors.kneighbors

    def counted(self: Any, rows: Rows, *args: Any, **keywords: Any) -> Any:
        numbers.append(len(rows))
        return search(self, rows, *args, **keywords)

    monkeypatch.setattr(NearestNeighbors, "kneighbors", counted)
    monkeypatch.setattr(module, "_KEPT", {})
    return numbers


def test_only_drawn_rows_are_searched(searched: list[int]) -> None:
    features, labels = _rows((1_000, 990), 4)
    SMOTE(k_neighbors=drawn_neighbours(5), random_state=1).fit_resample(features, labels)
    assert len(searched) == 1
    assert 1 <= searched[0] <= 10


def test_the_same_search_is_done_once_and_few_are_kept(searched: list[int]) -> None:
    features, labels = _rows((80, 60), 4)

    def resampled(features: Rows, neighbours: int = 5) -> Rows:
        rows: Rows = SMOTE(k_neighbors=drawn_neighbours(neighbours), random_state=1).fit_resample(features, labels)[0]
        return rows

    first = resampled(features)
    assert (resampled(features.copy()) == first).all()
    assert len(searched) == 1
    # one value of the rows, or the number of neighbours
    changed = features.copy()
    changed[-1, -1] += 1e-9
    resampled(changed)
    resampled(features, 4)
    assert len(searched) == 3
    for number in range(module._MOST_KEPT):
        resampled(features + number + 1)
    assert len(module._KEPT) == module._MOST_KEPT
    resampled(features)
    assert len(searched) == 3 + module._MOST_KEPT + 1
