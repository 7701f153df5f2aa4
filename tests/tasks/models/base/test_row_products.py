"""A row's product is the same alone and among others, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from tasks.models.base.row_products import row_products


@pytest.mark.parametrize("n_features", [1, 2, 7, 136, 501, 1024])
@pytest.mark.parametrize("n_outputs", [1, 3, 28])
def test_a_row_alone_is_the_row_among_others(n_features: int, n_outputs: int) -> None:
    rng = np.random.default_rng(n_features)
    features, weights = rng.normal(size=(130, n_features)), rng.normal(size=(n_outputs, n_features))
    together = row_products(features, weights)
    np.testing.assert_allclose(together, features @ weights.T, rtol=1e-9, atol=1e-9)
    for kept in (slice(0, 1), slice(5, 7), slice(64, 130), slice(0, 130, 3)):
        assert (row_products(features[kept], weights) == together[kept]).all()
    assert (row_products(np.asfortranarray(features), weights) == together).all()


def test_sparse_rows_and_no_rows() -> None:
    features, weights = np.eye(4) * 2, np.arange(8.0).reshape(2, 4)
    assert (row_products(csr_array(features), weights) == features @ weights.T).all()
    assert row_products(np.empty((0, 4)), weights).shape == (0, 2)
