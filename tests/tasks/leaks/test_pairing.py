"""Pairs of rows in the same bucket."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest

from tasks.leaks import pairing


@pytest.mark.parametrize("n_parts", [1, 3])
@pytest.mark.parametrize("n_rows", [1, 2, 400])
def test_pairs_are_those_of_comparing_all_rows(n_rows: int, n_parts: int) -> None:
    rng = np.random.default_rng(n_rows)
    keys = rng.integers(0, 4 if n_parts > 1 else 60, (n_rows, n_parts)).astype(np.uint64)
    expected = {(a, b) for a, b in combinations(range(n_rows), 2) if (keys[a] == keys[b]).all()}
    pairs = [(int(a), int(b)) for a, b in pairing.within(keys)]
    assert set(pairs) == expected and len(pairs) == len(expected)
    if n_parts == 1:
        assert pairing.within(keys[:, 0]).tolist() == pairing.within(keys).tolist()


def test_rows_of_a_large_bucket_are_paired_with_the_next_one() -> None:
    n = pairing.MOST_IN_A_BUCKET + 1
    keys = np.concatenate([np.full(n, 7), [9, 9], np.full(n - 1, 1), [9], np.full(n, 8)]).astype(np.uint64)
    order = np.random.default_rng(0).permutation(keys.size)
    places = {key: np.flatnonzero(keys[order] == key).tolist() for key in (7, 9, 1, 8)}
    expected = {pair for key in (7, 8) for pair in pairwise(places[key])}
    expected |= {pair for key in (9, 1) for pair in combinations(places[key], 2)}
    assert {(int(a), int(b)) for a, b in pairing.within(keys[order])} == expected
