"""Roots of many real polynomials at once: Laguerre's method with deflation.

Press et al. (2007), "Numerical Recipes", 3rd ed., section 9.5. For the predictors of linear prediction, of degree 11,
it takes a quarter of the time of the eigenvalues of companion matrices. A polynomial whose roots fail the check is
passed to LAPACK. Arrays have one column per polynomial, whose result does not depend on the others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Roots = NDArray[np.complex128]

_STEPS, _POLISHING_STEPS = 10, 1
_CONVERGED = 1e-9
"""Relative step after which polishing reaches full precision: convergence is cubic, then quadratic."""
_REAL = 1e-7
"""Largest imaginary part of a real root before polishing; a pair closer to the axis fails the check, if it matters."""
_TOLERANCE = 1e-7
"""Largest deviation of the sum and the sum of squares of the roots from those that the coefficients give."""
_START = 0.5 + 0.5j


def roots(polynomials: Reals) -> Roots:
    """Return the roots of monic polynomials.

    Args:
        polynomials: coefficients, highest power first, the first of which is 1, shape (n_polynomials, degree + 1),
            degree >= 2

    Returns:
        shape (n_polynomials, degree), in no particular order

    Example:
        >>> sorted(roots(np.array([[1.0, -3.0, 2.0]]))[0].real.round(6).tolist())
        [1.0, 2.0]
    """
    coefficients = np.ascontiguousarray(polynomials.T)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        approximate = _polished(coefficients, _by_deflation(coefficients))
        first, second = approximate.sum(axis=0), (approximate * approximate).sum(axis=0)
        # Newton's identities; two approximations of the same root fail them
        wrong = np.abs(first + coefficients[1]) + np.abs(second - coefficients[1] ** 2 + 2 * coefficients[2])
    failed = np.flatnonzero(~(wrong < _TOLERANCE))
    result = np.ascontiguousarray(approximate.T)
    if failed.size:
        result[failed] = _eigenvalues(polynomials[failed])
    return result


def _by_deflation(coefficients: Reals) -> Roots:
    """Return one root after the other, each removed from the polynomial before the next, shape (degree, n)."""
    degree, n = len(coefficients) - 1, coefficients.shape[1]
    deflated = coefficients.astype(np.complex128)
    approximate = np.empty((degree, n), dtype=np.complex128)
    root, has_pair = np.zeros(n, dtype=np.complex128), np.zeros(n, dtype=np.bool_)
    for number in range(degree):
        # complex roots come in pairs
        root = np.conj(root)
        new = np.flatnonzero(~has_pair)
        root[new] = _laguerre(np.ascontiguousarray(deflated[:, new]), np.full(new.size, _START))
        has_pair = ~has_pair & (np.abs(root.imag) > _REAL)
        approximate[number] = root
        # synthetic division by (z - root); the remainder is dropped
        for power in range(1, len(deflated) - 1):
            deflated[power] = deflated[power] + root * deflated[power - 1]
        deflated = deflated[:-1]
    return approximate


def _laguerre(coefficients: Roots, start: Roots) -> Roots:
    """Return a root of each polynomial, shape (n,)."""
    degree = len(coefficients) - 1
    if degree == 1:
        return np.asarray(-coefficients[1] / coefficients[0])
    root = start.copy()
    active, left = np.arange(root.size), coefficients
    z = root
    for _ in range(_STEPS):
        value, slope, half_bend = left[0].copy(), np.zeros_like(z), np.zeros_like(z)
        for power in range(1, degree + 1):
            # not in place: NumPy multiplies a single complex number in place without fused operations
            half_bend = half_bend * z + slope
            slope = slope * z + value
            value = value * z + left[power]
        g = slope / value
        squared = g * g
        square_root = np.sqrt((degree - 1) * (degree * (squared - 2 * half_bend / value) - squared))
        plus, minus = g + square_root, g - square_root
        larger = np.where(np.abs(plus) >= np.abs(minus), plus, minus)
        step = np.where(value == 0, 0, degree / larger)
        z = z - step
        root[active] = z
        # a step that is no number ends, too: the check of the roots finds it
        going = np.flatnonzero(np.abs(step) > _CONVERGED * np.maximum(np.abs(z), _CONVERGED))
        if not going.size:
            break
        if going.size < z.size:
            active, z, left = active[going], z[going], np.ascontiguousarray(left[:, going])
    return root


def _polished(coefficients: Reals, approximate: Roots) -> Roots:
    """Improve approximations by Newton's method with the polynomial itself: deflation accumulates errors."""
    z = approximate
    for _ in range(_POLISHING_STEPS):
        value = np.broadcast_to(coefficients[0], z.shape).astype(np.complex128)
        slope = np.zeros_like(z)
        for coefficient in coefficients[1:]:
            slope = slope * z + value
            value = value * z + coefficient
        z = z - np.where(value == 0, 0, value / slope)
    return z


def _eigenvalues(polynomials: Reals) -> Roots:
    """Return roots as eigenvalues of companion matrices."""
    order = polynomials.shape[1] - 1
    companions = np.zeros((len(polynomials), order, order))
    companions[:, 0] = -polynomials[:, 1:]
    companions[:, np.arange(1, order), np.arange(order - 1)] = 1.0
    return np.asarray(np.linalg.eigvals(companions), dtype=np.complex128)
