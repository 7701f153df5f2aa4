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
_LEAD = 1e-6
"""By how much the predicted class leads, so that it has the highest probability after scaling, too."""


def unscaled(scores: Scores, *, probabilities: bool) -> Scores:
    """Return log-probabilities, at least log(`FLOOR`), or decision values, shape (n_rows, n_classes).

    Scores of support vector machines for three classes or more are votes of class pairs, plus each class's sum of
    decisions mapped to ±1/3. Votes say little about how certain a prediction is, so the sums are used. The class with
    most votes stays the first.

    Args:
        scores: of a model
        probabilities: whether they are probabilities
    """
    if probabilities:
        return np.log(np.clip(scores, FLOOR, 1))
    if scores.shape[1] == 2:
        return scores
    mapped = scores - np.rint(scores)
    # the inverse of sum / (3 (|sum| + 1))
    sums: Scores = 3 * mapped / (1 - 3 * np.abs(mapped))
    sums[np.arange(len(sums)), scores.argmax(axis=1)] = sums.max(axis=1, initial=-np.inf) + _LEAD
    return sums


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
