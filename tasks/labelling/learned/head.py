"""The head of a learned voter: multinomial logistic regression on standardised inputs, and its calibration.

Guo et al. (2017), "On calibration of modern neural networks", ICML: probabilities are calibrated by one temperature,
fitted on held-out rows. Classes are not weighed: weights by their shares of the training texts help macro F1 on texts
with the same shares, and do harm on others.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.evaluation.splits import Labels
from tasks.labelling.learned.text_inputs import Inputs

Probabilities = NDArray[np.float64]
_ITERATIONS, _TOLERANCE = 300, 1e-3
_TEMPERATURES = np.geomspace(0.5, 3.0, 61)
_SMALLEST_DEVIATION = 1e-6


@dataclass(frozen=True)
class Head:
    """Linear functions from inputs, not standardised, to the logits of the classes.

    Args:
        weights: shape (3, n_inputs), classes in the order of `tables.SENTIMENTS`
        biases: shape (3,)
    """

    weights: NDArray[np.float64]
    biases: NDArray[np.float64]

    def logits(self, inputs: Inputs) -> NDArray[np.float64]:
        """Return the logits, shape (n_texts, 3).

        Args:
            inputs: shape (n_texts, n_inputs)
        """
        return inputs.astype(np.float64) @ self.weights.T + self.biases

    def calibrated(self, temperature: float) -> Head:
        """Return the head whose logits are divided by a temperature.

        Args:
            temperature: fitted on held-out rows; above 1, probabilities were too extreme
        """
        return Head(self.weights / temperature, self.biases / temperature)


def fit(inputs: Inputs, labels: Labels, penalties: Sequence[float]) -> list[Head]:
    """Fit a head for each penalty; a fit starts from the one before it.

    The loss is the mean of the rows' log losses plus half the penalty times the sum of squared weights: a penalty has
    the same effect for any number of rows.

    Args:
        inputs: shape (n_rows, n_inputs)
        labels: of all three classes, shape (n_rows,)
        penalties: descending
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    means, deviations = inputs.mean(axis=0, dtype=np.float64), inputs.std(axis=0, dtype=np.float64)
    # an input that never changes has no weight
    deviations[deviations < _SMALLEST_DEVIATION] = np.inf
    standard = ((inputs - means) / deviations).astype(np.float32)
    model = LogisticRegression(max_iter=_ITERATIONS, tol=_TOLERANCE, warm_start=True)
    heads = []
    # one thread: sums over threads depend on their number
    with threadpool_limits(1), warnings.catch_warnings():
        # with small penalties the last iterations change no vote
        warnings.simplefilter("ignore", ConvergenceWarning)
        for penalty in penalties:
            model.set_params(C=1 / (penalty * len(labels))).fit(standard, labels)
            order = [list(model.classes_).index(label) for label in tables.SENTIMENTS]
            weights = model.coef_[order].astype(np.float64) / deviations
            heads.append(Head(weights, model.intercept_[order].astype(np.float64) - weights @ means))
    return heads


def log_loss(logits: NDArray[np.float64], labels: Labels) -> float:
    """Return the mean negative logarithm of the actual class's probability.

    Args:
        logits: shape (n_rows, 3)
        labels: shape (n_rows,)
    """
    top = logits.max(axis=1, keepdims=True)
    sums = np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0]
    return float((sums - logits[np.arange(len(labels)), codes(labels)]).mean())


def best_temperature(logits: NDArray[np.float64], labels: Labels) -> float:
    """Return the temperature with the least log loss.

    Args:
        logits: of held-out rows, shape (n_rows, 3)
        labels: shape (n_rows,)
    """
    losses = [log_loss(logits / temperature, labels) for temperature in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def calibration_error(probabilities: Probabilities, labels: Labels, n_bins: int = 10) -> float:
    """Return the expected calibration error: mean distance of the top probability to its accuracy, over bins.

    Args:
        probabilities: shape (n_rows, 3)
        labels: shape (n_rows,)
        n_bins: of equal width
    """
    top, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == codes(labels)
    bins = np.minimum((top * n_bins).astype(int), n_bins - 1)
    gaps = np.bincount(bins, top - right, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(labels))


def softmax(logits: NDArray[np.float64]) -> Probabilities:
    """Return probabilities that sum to 1 in every row.

    Args:
        logits: shape (n_rows, 3)
    """
    likely: Probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    likely /= likely.sum(axis=1, keepdims=True)
    return likely


def codes(labels: Labels) -> NDArray[np.int64]:
    """Return the number of each label in `tables.SENTIMENTS`.

    Args:
        labels: shape (n_rows,)
    """
    numbers: NDArray[np.int64] = np.searchsorted(np.array(tables.SENTIMENTS), labels)
    return numbers
