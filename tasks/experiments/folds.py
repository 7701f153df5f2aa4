"""Folds of an experiment: the protocol's, the development rows, and the inner folds that settings are tuned on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import NotEnoughData
from tasks.evaluation import protocols
from tasks.evaluation.protocols import Columns, Protocol, Split
from tasks.evaluation.splits import Labels, group_k_fold, possible_folds
from tasks.experiments.data import Data
from tasks.experiments.fit_item import FINAL, INSIDE_TRAINING, TUNED_THRESHOLD, Fit
from tasks.experiments.plan import Plan


def folds(plan: Plan, data: Data, seed: int) -> tuple[Split, ...]:
    """Return the protocol's folds; corpora listed in `only_in_training` are added to every training part.

    Args:
        plan: the recipe
        data: the rows
        seed: random seed
    """
    return tuple(_with_training_corpora(plan, data, split) for split in _tested_folds(plan, data, seed))


def split_of(item: Fit, data: Data) -> Split:
    """Return a fit's rows, with development rows where the model or the recipe needs them.

    Args:
        item: the fit
        data: the rows
    """
    plan = item.plan
    final = item.fold == FINAL
    if final:
        split = Split("all rows", np.arange(data.ids.size), np.empty(0, dtype=np.int64))
    elif item.variant in INSIDE_TRAINING:
        split = _inside_training(item, data)[item.fold]
    else:
        split = _tested_folds(plan, data, item.seed)[item.fold]
    if needs_development(plan):
        split = protocols.with_development(split, plan.protocol, data.columns, data.strata, item.seed)
    return split if final else _with_training_corpora(plan, data, split)


def n_held_out(item: Fit, data: Data) -> int:
    """Return the number of folds inside the training part of a protocol's only fold, by which a model is calibrated.

    Args:
        item: a fit of that fold

    Returns:
        0 for models trained in epochs, which have development rows, and where a fold could not be fitted and tuned: it
        needs two units and two classes
    """
    tune = item.plan.recipe.tune
    if item.plan.model.in_epochs:
        return 0
    try:
        splits = _inside_training(item, data)
        inner = [fold for split in splits if tune and tune.folds for fold in inner_folds(item, data, split, tune.folds)]
    except NotEnoughData:
        return 0
    parts = [split.train for split in (*splits, *inner)]
    return 0 if any(np.unique(data.target[part]).size < 2 for part in parts) else len(splits)


def _inside_training(item: Fit, data: Data) -> Sequence[Split]:
    only = _tested_folds(item.plan, data, item.seed)[0]
    return inner_folds(item, data, only, item.plan.recipe.calibration_folds)


def inner_folds(item: Fit, data: Data, split: Split, n_folds: int) -> Sequence[Split]:
    """Return folds inside a training part by the protocol's first unit; or its development part, for 0 folds.

    Args:
        item: the fit
        data: the rows
        split: the outer fold
        n_folds: inner folds at most: there are never more than units

    Raises:
        NotEnoughData: if the training part has a single unit
    """
    if not n_folds:
        return [replace(split, test=split.development)]
    plan = item.plan
    part = split.train[~_training_corpora(plan, data)[split.train]]
    columns = {name: column[part] for name, column in data.columns.items()}
    unit = plan.protocol.inner_unit
    kind = {"speaker": "speaker-out", "script": "script-out", "group": "group-k-fold", "": "random"}[unit]
    n_units = np.unique(columns[unit or "utterance_id"]).size
    if n_units < 2:
        raise NotEnoughData(
            f"{item.id}: a single {unit or 'row'} in training; there is nothing to tune on. Use "
            "tune.folds: 0, which takes development rows, or another protocol"
        )
    protocol = Protocol(kind, k=min(n_folds, n_units))
    splits = []
    for fold in _folds_inside(plan, protocol, columns, data.strata[part], item.seed):
        inner = Split(fold.name, part[fold.train], part[fold.test])
        if plan.model.in_epochs:
            inner = protocols.with_development(inner, protocol, data.columns, data.strata, item.seed)
        splits.append(_with_training_corpora(plan, data, inner))
    return splits


def _folds_inside(plan: Plan, protocol: Protocol, columns: Columns, labels: Labels, seed: int) -> Sequence[Split]:
    """Return the folds of a training part.

    Those of an official one are scikit-learn's, with as many groups of each class as there are folds: so the source
    cross-validated its interviews.
    """
    if plan.protocol.kind == "official" and plan.task == "classes":
        n_folds = possible_folds(labels, columns["group"], protocol.k)
        if n_folds > 1:
            grouped = group_k_fold(labels, columns["group"], n_folds, seed)
            return [Split(f"fold {k + 1} of {n_folds}", fold.train, fold.test) for k, fold in enumerate(grouped)]
    return protocol.folds(columns, labels, seed)


def _tested_folds(plan: Plan, data: Data, seed: int) -> tuple[Split, ...]:
    """Return the protocol's folds over the rows that may be tested."""
    if not plan.recipe.only_in_training:
        return plan.protocol.folds(data.columns, data.strata, seed)
    tested = np.flatnonzero(~_training_corpora(plan, data))
    columns = {name: column[tested] for name, column in data.columns.items()}
    splits = plan.protocol.folds(columns, data.strata[tested], seed)
    return tuple(Split(fold.name, tested[fold.train], tested[fold.test], tested[fold.development]) for fold in splits)


def _training_corpora(plan: Plan, data: Data) -> NDArray[np.bool_]:
    return np.isin(data.columns["corpus"], list(plan.recipe.only_in_training))


def _with_training_corpora(plan: Plan, data: Data, split: Split) -> Split:
    if not plan.recipe.only_in_training:
        return split
    return replace(split, train=np.union1d(split.train, np.flatnonzero(_training_corpora(plan, data))))


def needs_development(plan: Plan) -> bool:
    """Return whether development rows decide when to stop, which settings to take, or the thresholds.

    Args:
        plan: the recipe
    """
    recipe = plan.recipe
    tuned_on_development = recipe.tune is not None and recipe.tune.folds == 0
    return plan.model.in_epochs or tuned_on_development or recipe.threshold == TUNED_THRESHOLD
