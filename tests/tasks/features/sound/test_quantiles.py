"""Quantiles equal NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.features.sound.quantiles import quantiles


@pytest.mark.parametrize("n_values", [1, 2, 3, 101, 380])
def test_quantiles_are_those_of_numpy(n_values: int) -> None:
    rows = np.random.default_rng(n_values).standard_normal((4, n_values))
    shares = (0.0, 0.05, 0.25, 0.5, 0.95, 1.0)
    expected = np.percentile(rows, [100 * share for share in shares], axis=1)
    np.testing.assert_allclose(quantiles(np.sort(rows, axis=1), shares), expected, rtol=1e-13, atol=1e-15)
