"""Temperature scaling: probabilities from scores divided by a number that is fitted on rows outside the training part.

Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2. The class with the highest score keeps the
highest probability.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasks.models.base.estimator import Scores

FLOOR = 1e-6
"""Smallest probability whose logarithm is taken; also that of a class which a base model was not trained on."""
_COLDEST, _HOTTEST = 0.01, 100.0


def unscaled(scores: Scores, *, probabilities: bool) -> Scores:
    """Return log-probabilities, at least log(`FLOOR`), or decision values as they are, shape (n_rows, n_classes).

    Args:
        scores: of a model
        probabilities: whether they are probabilities
    """
    return np.log(np.clip(scores, FLOOR, 1)) if probabilities else scores


def fitted(values: Scores, codes: NDArray[np.int64]) -> float:
    """Return the temperature, from 0.01 to 100, at which `softmax(values, temperature)` has the lowest log loss.

    The loss is convex in 1 / temperature, so it has a single minimum over the temperature's logarithm.

    Args:
        values: log-probabilities or decision values, shape (n_rows, n_classes)
        codes: column of each row's class, shape (n_rows,)
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    def loss(log_temperature: float) -> float:
        logs = log_softmax(values / np.exp(log_temperature), axis=1)
        return -float(logs[np.arange(codes.size), codes].mean())

    minimum = minimize_scalar(loss, bounds=(np.log(_COLDEST), np.log(_HOTTEST)), method="bounded")
    return float(np.exp(minimum.x))


def softmax(values: Scores, temperature: float) -> Scores:
    """Return probabilities, shape (n_rows, n_classes).

    Args:
        values: log-probabilities or decision values, shape (n_rows, n_classes)
        temperature: divides them
    """
    from scipy.special import softmax as of_scipy

    return np.asarray(of_scipy(values / temperature, axis=1), dtype=np.float64)
