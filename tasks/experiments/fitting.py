"""Work of one fit: train on a fold's training part, score its test part; or judge one point of a grid."""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import paths, tables
from tasks.core.config import Section
from tasks.core.results import Result
from tasks.evaluation.protocols import Split
from tasks.experiments import data as experiment_data
from tasks.experiments import modalities, scoring
from tasks.experiments.data import Data
from tasks.experiments.fit_item import FITTED, RECIPE, SHUFFLED, TUNED, TUNED_THRESHOLD, Fit
from tasks.experiments.fitted_model import Fitted, demand_fitted_inside, train
from tasks.experiments.folds import inner_folds, split_of
from tasks.experiments.plan import Plan
from tasks.models.base.estimator import Inputs, Weights


def fit_one(item: Fit, _: Section) -> Result:
    """Train on one fold's training part, and score its test part.

    Args:
        item: the fit

    Returns:
        one row of schema `FITTED`

    Raises:
        LeakError: if a scaler saw more than the training part
    """
    started = time.perf_counter()
    data = experiment_data.load(item.plan)
    split = split_of(item, data)
    labels, weights = _labels(item, data, split)
    inputs = data.inputs.only(item.features) if item.features else data.inputs
    fitted = train(
        item.plan, inputs, labels, split, weights=weights, point=item.point, seed=item.seed, folder=_folder(item)
    )
    demand_fitted_inside(fitted, inputs, labels, split, item.id)
    scores = fitted.scores(inputs.rows(split.test)) if split.test.size else np.empty((0, 0))
    notes = list(getattr(fitted.estimator, "notes_", ()))
    thresholds = _thresholds(item.plan, fitted, inputs, labels, split) if item.plan.task == "labels" else None
    if thresholds is not None and split.test.size:
        scores = scoring.stretched(scores, thresholds)
        if item.plan.recipe.threshold == TUNED_THRESHOLD:
            listed = ", ".join(f"{threshold:.2f}" for threshold in thresholds)
            notes.append(f"{split.name}: thresholds of the labels: {listed}")
    record = {
        "ids": data.ids[split.test].tolist(),
        "outputs": list(fitted.estimator.outputs_),
        "scores": scores.tolist(),
        "thresholds": None if thresholds is None else thresholds.tolist(),
        "n_train": split.train.size,
        "curves": json.dumps(fitted.estimator.curves_),
        "notes": notes,
        "files": list(fitted.files().items()) if item.keep else [],
        "probes": _probes(item, fitted, data, split),
        "seconds": time.perf_counter() - started,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    return Result(tables.from_rows([record], FITTED))


def tune_one(item: Fit, _: Section) -> Result:
    """Judge one point of the grid inside one fold's training part.

    Args:
        item: the fit

    Returns:
        one row of schema `TUNED`: the higher the better

    Raises:
        NotEnoughData: if the training part cannot be split
    """
    data = experiment_data.load(item.plan)
    split = split_of(item, data)
    tune = item.plan.recipe.tune
    assert tune is not None
    inputs = data.inputs.only(item.features) if item.features else data.inputs
    actual, scores = [], []
    for inner in inner_folds(item, data, split, tune.folds):
        folder = _folder(item, inner.name)
        fitted = train(
            item.plan, inputs, data.target, inner, weights=data.weights, point=item.point, seed=item.seed, folder=folder
        )
        inner_scores = fitted.scores(inputs.rows(inner.test))
        scores.append(scoring.aligned(inner_scores, fitted.estimator.outputs_, data.outputs))
        actual.append(data.target[inner.test])
    score = scoring.judged(np.concatenate(actual), np.concatenate(scores), data.outputs, tune.by)
    return Result(tables.from_rows([{"score": score}], TUNED))


def _probes(item: Fit, fitted: Fitted, data: Data, split: Split) -> list[tuple[str, list[list[float]]]]:
    """Return the test part's scores with one modality changed, by `MODALITY|HOW`; none for baselines."""
    plan = item.plan
    available = modalities.available(plan.modalities, data.lacking, data.ids.size)
    if item.variant != RECIPE or len(available) < 2 or plan.task != "classes" or not split.test.size:
        return []
    changes = modalities.changed(available, data.inputs.rows(split.test), item.seed, lacking=plan.model.lacking)
    return [(f"{change.modality}|{change.how}", fitted.scores(change.inputs).tolist()) for change in changes]


def _thresholds(plan: Plan, fitted: Fitted, inputs: Inputs, target: NDArray[Any], split: Split) -> NDArray[np.float64]:
    """Return the score above which each label is predicted, shape (n_labels,)."""
    threshold = plan.recipe.threshold
    if threshold != TUNED_THRESHOLD:
        return np.full(target.shape[1], float(threshold))
    return scoring.best_thresholds(target[split.development], fitted.scores(inputs.rows(split.development)))


def _labels(item: Fit, data: Data, split: Split) -> tuple[NDArray[Any], Weights]:
    """Return the rows' target and its weights; for the shuffled baseline permuted within each part but the test."""
    if item.variant != SHUFFLED:
        return data.target, data.weights
    order, rng = np.arange(data.ids.size), np.random.default_rng([item.seed, item.number])
    for part in (split.train, split.development):
        order[part] = rng.permutation(part)
    return data.target[order], None if data.weights is None else data.weights[order]


def _folder(item: Fit, inner: str = "") -> Path | None:
    """Return where this very fit keeps its training checkpoints, to resume after a kill."""
    if not item.plan.model.in_epochs:
        return None
    key = hashlib.sha256(f"{item.id} {item.content} {inner} {sys.version}".encode()).hexdigest()
    return paths.STATE / "training" / key[:24]
