"""Calibration of class probabilities: temperature scaling on rows outside the training part, and the error left.

Of a protocol with several folds, every row is predicted by a model that was not trained on it: the temperature of one
fold is fitted on the others. Of a protocol with one fold, it is fitted on held-out folds inside the training part, or
on development rows, and applied to the test part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.experiments.scoring import Run
from tasks.models.base import temperature
from tasks.models.base.estimator import Scores

METHOD = "temperature scaling"
N_BINS = 10
Codes = NDArray[np.int64]


def measured(
    runs: Sequence[Run],
    classes: Sequence[str],
    *,
    probabilities: bool,
    fitted_on: Sequence[Run] | None,
) -> dict[str, Any]:
    """Return the temperature, and the reliability of test rows before and after scaling, ready for JSON.

    Args:
        runs: predictions of the test rows, one run per seed
        classes: sorted; the first columns of the scores
        probabilities: whether scores are probabilities; else they are decision values
        fitted_on: predictions of other rows; None: each fold of `runs` is scaled by the others' temperature
    """
    tested = [_values(run, classes, probabilities) for run in runs]
    fitting = tested if fitted_on is None else [_values(run, classes, probabilities) for run in fitted_on]
    chosen = _temperature(fitting)
    after = scaled(runs, classes, probabilities=probabilities, fitted_on=fitted_on)
    codes = np.concatenate([codes for _, codes in tested])
    before = np.concatenate([temperature.softmax(values, 1.0) for values, _ in tested])
    return {
        "method": METHOD,
        "temperature": chosen,
        "n": sum(codes.size for _, codes in fitting),
        "before": reliability(before, codes),
        "after": None if chosen is None else reliability(np.concatenate(after), codes),
    }


def scaled(
    runs: Sequence[Run],
    classes: Sequence[str],
    *,
    probabilities: bool,
    fitted_on: Sequence[Run] | None,
) -> list[Scores]:
    """Return the calibrated probabilities of each run's rows, shape (n_rows, n_classes).

    Args:
        runs: as in `measured`
        classes: as in `measured`
        probabilities: as in `measured`
        fitted_on: as in `measured`; without any row, the temperature is 1
    """
    tested = [_values(run, classes, probabilities) for run in runs]
    if fitted_on is None:
        return [_across_folds(*rows, run.fold) for rows, run in zip(tested, runs, strict=True)]
    chosen = _temperature([_values(run, classes, probabilities) for run in fitted_on])
    return [temperature.softmax(values, chosen or 1.0) for values, _ in tested]


def reliability(probabilities: Scores, codes: Codes) -> dict[str, Any]:
    """Return the expected calibration error and the reliability of every bin of confidence.

    ECE with 10 bins of equal width over the highest probability (Guo et al. 2017, "On Calibration of Modern Neural
    Networks", section 2).

    Args:
        probabilities: shape (n_rows, n_classes)
        codes: column of each row's class, shape (n_rows,)
    """
    confidence, right = probabilities.max(axis=1), (probabilities.argmax(axis=1) == codes).astype(float)
    which = np.minimum((confidence * N_BINS).astype(int), N_BINS - 1)
    bins = [
        {
            "confidence": float(confidence[inside].mean()),
            "accuracy": float(right[inside].mean()),
            "share": float(inside.mean()),
        }
        for number in range(N_BINS)
        if (inside := which == number).any()
    ]
    ece = sum(entry["share"] * abs(entry["accuracy"] - entry["confidence"]) for entry in bins)
    return {"ece": float(ece), "bins": bins}


def _values(run: Run, classes: Sequence[str], probabilities: bool) -> tuple[Scores, Codes]:
    # without the column for "none"
    values = temperature.unscaled(run.scores[:, : len(classes)], probabilities=probabilities)
    return values, np.searchsorted(np.array(classes), run.actual)


def _temperature(rows: Sequence[tuple[Scores, Codes]]) -> float | None:
    if not sum(codes.size for _, codes in rows):
        return None
    return temperature.fitted(*(np.concatenate([part[k] for part in rows]) for k in (0, 1)))


def _across_folds(values: Scores, codes: Codes, fold: NDArray[np.int64]) -> Scores:
    """Return the probabilities of each fold's rows at the temperature of all other folds."""
    scaled = np.empty_like(values)
    for number in np.unique(fold):
        inside = fold == number
        by = _temperature([(values[~inside], codes[~inside])])
        scaled[inside] = temperature.softmax(values[inside], by or 1.0)
    return scaled
