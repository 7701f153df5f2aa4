"""Work of one fit: train on a fold's training part, score its test part; or judge one point of a grid."""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import paths, tables
from tasks.core.config import Section
from tasks.core.results import Result
from tasks.evaluation.protocols import Split
from tasks.experiments import adaptation, families, modalities, plot_data, row_plots, scoring
from tasks.experiments import data as experiment_data
from tasks.experiments.adaptation import Speakers
from tasks.experiments.data import Data
from tasks.experiments.fit_item import ADAPTING, FAMILY, FITTED, MAPS, RECIPE, SHUFFLED, TUNED, TUNED_THRESHOLD, Fit
from tasks.experiments.fitted_model import Fitted, demand_fitted_inside, train
from tasks.experiments.folds import inner_folds, split_of
from tasks.experiments.plan import Plan
from tasks.experiments.plot_data import PlotData
from tasks.models.base.estimator import Inputs, Scores, Weights

Probe = tuple[str, list[list[float]]]
"""Name of changed inputs, and the test part's scores on them."""


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
    inputs, speakers = _adapted(item, inputs, data, split)
    fitted = train(
        item.plan, inputs, labels, split, weights=weights, point=item.point, seed=item.seed, folder=_folder(item)
    )
    demand_fitted_inside(fitted, inputs, labels, split, item.id)
    scores, probes = np.empty((0, 0)), list[Probe]()
    if split.test.size and speakers:
        scores, probes = _by_clips(item, fitted, speakers, data, split)
    elif split.test.size:
        scores, probes = fitted.scores(inputs.rows(split.test)), _probes(item, fitted, data, split)
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
        "files": [*fitted.files().items(), *_of_speakers(speakers)] if item.keep else [],
        "probes": probes,
        "seconds": time.perf_counter() - started,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    return Result(tables.from_rows([record], FITTED))


def tune_one(item: Fit, _: Section) -> Result:
    """Judge one point of the grid inside one fold's training part; or draw the maps.

    Args:
        item: the fit, or `MAPS`

    Returns:
        one row of schema `TUNED`: the higher the score the better

    Raises:
        NotEnoughData: if the training part cannot be split
    """
    data = experiment_data.load(item.plan)
    if item.variant == MAPS:
        drawn = PlotData({}, row_plots.maps(data, item.seed), {}, (), ())
        return Result(tables.from_rows([{"maps": plot_data.dumps(drawn)}], TUNED))
    split = split_of(item, data)
    tune = item.plan.recipe.tune
    assert tune is not None
    inputs = data.inputs.only(item.features) if item.features else data.inputs
    actual, scores = [], []
    for inner in inner_folds(item, data, split, tune.folds):
        folder = _folder(item, inner.name)
        part, speakers = _adapted(item, inputs, data, inner)
        fitted = train(
            item.plan, part, data.target, inner, weights=data.weights, point=item.point, seed=item.seed, folder=folder
        )
        tested = part.rows(inner.test)
        if speakers:
            tested = next(_test_rows(item, speakers, data, inner))
        inner_scores = fitted.scores(tested)
        scores.append(scoring.aligned(inner_scores, fitted.estimator.outputs_, data.outputs))
        actual.append(data.target[inner.test])
    score = scoring.judged(np.concatenate(actual), np.concatenate(scores), data.outputs, tune.by)
    return Result(tables.from_rows([{"score": score}], TUNED))


def _adapted(item: Fit, inputs: Inputs, data: Data, split: Split) -> tuple[Inputs, Speakers | None]:
    """Return rows whose training side is adapted to its speakers, and these; other variants' rows as they are."""
    if item.variant not in ADAPTING:
        return inputs, None
    rows = np.concatenate([split.train, split.development])
    return adaptation.for_training(item.plan, inputs, data.columns["speaker"], rows)


def _test_rows(item: Fit, speakers: Speakers, data: Data, split: Split) -> Iterator[Inputs]:
    """Yield the test rows as adapted by each draw of clips."""
    ids, of_rows = data.ids[split.test], data.columns["speaker"][split.test]
    # the draws do not depend on the fold's test labels, which this function is not given
    for clips in adaptation.draws_of(speakers.adapt, ids, of_rows, item.seed):
        yield speakers.all_adapted(data.inputs.rows(split.test), of_rows, clips)


def _by_clips(item: Fit, fitted: Fitted, speakers: Speakers, data: Data, split: Split) -> tuple[Scores, list[Probe]]:
    """Return the test part's scores by the first draw of clips, and those by the other draws.

    The other draws are those of the recipe, all clips, and draws of a single class, by `DRAW|NUMBER`.
    """
    first, *others = (fitted.scores(rows) for rows in _test_rows(item, speakers, data, split))
    tested, ids = data.inputs.rows(split.test), data.ids[split.test]
    of_rows, labels = data.columns["speaker"][split.test], data.target[split.test]
    more = {"all|0": dict(adaptation.of_speakers(of_rows))}
    for number, clips in enumerate(adaptation.of_one_class(speakers.adapt, ids, of_rows, labels, item.seed)):
        more[f"one class|{number}"] = clips
    probes = [(f"draw|{number}", scores.tolist()) for number, scores in enumerate(others, start=1)]
    for name, clips in more.items():
        probes.append((name, fitted.scores(speakers.all_adapted(tested, of_rows, clips)).tolist()))
    return first, probes


def _of_speakers(speakers: Speakers | None) -> list[tuple[str, bytes]]:
    return [(adaptation.FILE, speakers.to_bytes())] if speakers else []


def _probes(item: Fit, fitted: Fitted, data: Data, split: Split) -> list[Probe]:
    """Return the test part's scores with a family of features or a modality changed; none for baselines."""
    plan = item.plan
    if item.variant != RECIPE or plan.task != "classes" or not split.test.size:
        return []
    tested = data.inputs.rows(split.test)
    by_family = families.permuted(tested, data.cards, item.seed) if "sound" in plan.modalities else ()
    probes = [(f"{FAMILY}{name}", fitted.scores(rows).tolist()) for name, rows in by_family]
    available = modalities.available(plan.modalities, data.lacking, data.ids.size)
    if len(available) < 2:
        return probes
    changes = modalities.changed(available, tested, item.seed, lacking=plan.model.lacking)
    return [
        *probes,
        *((f"{change.modality}|{change.how}", fitted.scores(change.inputs).tolist()) for change in changes),
    ]


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
