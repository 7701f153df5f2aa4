"""Roots of polynomials whose roots are given."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.features.sound import polynomial_roots
from tasks.features.sound.polynomial_roots import roots

DEGREE = 11


def polynomials(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Real polynomials with a real root and five pairs, within the unit circle, and these roots."""
    rng = np.random.default_rng(seed)
    pairs = rng.uniform(0.2, 0.999, (n, 5)) * np.exp(1j * rng.uniform(0.05, np.pi - 0.05, (n, 5)))
    given = np.concatenate([pairs, pairs.conj(), rng.uniform(-0.9, 0.9, (n, 1))], axis=1)
    return np.array([np.poly(row).real for row in given]), given


def distance(computed: np.ndarray, given: np.ndarray) -> float:
    gaps = np.abs(computed[:, :, None] - given[:, None, :])
    return float(max(gaps.min(axis=1).max(), gaps.min(axis=2).max()))


def test_all_roots_of_many_polynomials_without_lapack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polynomial_roots, "_eigenvalues", lambda failing: pytest.fail(f"{len(failing)} fail"))
    coefficients, given = polynomials(300)
    assert distance(roots(coefficients), given) < 1e-7


def test_a_polynomial_does_not_depend_on_the_others() -> None:
    coefficients, _ = polynomials(40)
    together = roots(coefficients)
    for number in (0, 7, 39):
        np.testing.assert_array_equal(roots(coefficients[number : number + 1])[0], together[number])


@pytest.mark.parametrize(
    ("given", "tolerance"),
    [
        pytest.param([0.0] * DEGREE, 1e-12, id="all zero"),
        pytest.param([0.5, 0.5, -0.25], 1e-6, id="twice the same"),
        pytest.param([1j, -1j], 1e-12, id="imaginary"),
    ],
)
def test_unusual_roots(given: list[complex], tolerance: float) -> None:
    assert distance(roots(np.poly(given).real[None]), np.array([given], dtype=np.complex128)) < tolerance


def test_roots_that_fail_the_check_come_from_lapack(monkeypatch: pytest.MonkeyPatch) -> None:
    coefficients, given = polynomials(5)
    monkeypatch.setattr(polynomial_roots, "_STEPS", 0)
    monkeypatch.setattr(polynomial_roots, "_POLISHING_STEPS", 0)
    assert distance(roots(coefficients), given) < 1e-7
