"""Runs: the predictions of each variant (the recipe, shuffled labels, fewer modalities, the majority), by seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tasks.core.config import Clips
from tasks.evaluation import scores
from tasks.evaluation.protocols import Split
from tasks.evaluation.scores import Bootstrap
from tasks.evaluation.splits import Labels
from tasks.experiments import scoring, windows
from tasks.experiments.data import Data
from tasks.experiments.fit_item import ONLY, SHUFFLED, Fit
from tasks.experiments.plan import Plan
from tasks.experiments.scoring import Run
from tasks.features.base.sequences import Rows
from tasks.models.base.estimator import Scores

Predictions = tuple[Rows, int, Scores]
"""Rows, number of their fold, and their scores."""


@dataclass(frozen=True)
class Fits:
    """All fits of a variant, and what each returned: rows of schema `FITTED`, in the same order."""

    name: str
    items: tuple[Fit, ...]
    records: tuple[dict[str, Any], ...]


def variant_name(item: Fit, plan: Plan) -> str:
    """Return the name of a fit's variant in results.

    Args:
        item: the fit
        plan: the recipe
    """
    if item.variant == ONLY:
        return f"{' + '.join(modalities_of(item, plan))} only"
    return {SHUFFLED: "shuffled labels"}.get(item.variant, item.variant)


def modalities_of(item: Fit, plan: Plan) -> list[str]:
    """Return the modalities that a fit on a part of the features uses.

    Args:
        item: the fit
        plan: the recipe
    """
    return [modality for modality, names in plan.modalities.items() if set(names) <= set(item.features)]


def runs(plan: Plan, data: Data, fits: Fits, groups: Labels) -> list[Run]:
    """Gather a variant's predictions of utterances: one run per seed (and shuffle), rows sorted by id.

    Args:
        plan: the recipe
        data: the rows
        fits: of one variant
        groups: bootstrap unit of each row, shape (n_rows,)
    """
    return [_of_utterances(plan, data, run) for run in row_runs(plan, data, fits, groups)]


def row_runs(plan: Plan, data: Data, fits: Fits, groups: Labels) -> list[Run]:
    """Gather a variant's predictions of rows, which are utterances or windows.

    Args:
        plan: the recipe
        data: the rows
        fits: of one variant
        groups: bootstrap unit of each row, shape (n_rows,)
    """
    row_of = {row_id: number for number, row_id in enumerate(data.ids.tolist())}
    parts: dict[tuple[int, int], list[Predictions]] = {}
    for item, record in zip(fits.items, fits.records, strict=True):
        if record["ids"]:
            rows = np.array([row_of[row_id] for row_id in record["ids"]], dtype=np.int64)
            values = scoring.aligned(np.array(record["scores"], dtype=np.float64), record["outputs"], data.outputs)
            parts.setdefault((item.seed, item.number), []).append((rows, item.fold, values))
    return [_gathered(data, groups, of_run) for _, of_run in sorted(parts.items())]


def run_of(plan: Plan, data: Data, groups: Labels, predictions: Predictions, names: Sequence[str]) -> Run:
    """Return a single model's predictions as a run of utterances.

    Args:
        plan: the recipe
        data: the rows
        groups: bootstrap unit of each row, shape (n_rows,)
        predictions: of some rows
        names: of the columns of the scores
    """
    rows, fold, scores = predictions
    aligned = scoring.aligned(scores, names, data.outputs)
    return _of_utterances(plan, data, _gathered(data, groups, [(rows, fold, aligned)]))


def _gathered(data: Data, groups: Labels, parts: Sequence[Predictions]) -> Run:
    """Return the predictions of several folds as one run, sorted by row, then fold."""
    rows, scores = (np.concatenate([part[k] for part in parts]) for k in (0, 2))
    fold = np.concatenate([np.full(part[0].size, part[1]) for part in parts])
    order = np.lexsort((fold, rows))
    rows = rows[order]
    return Run(data.ids[rows], data.target[rows], scores[order], groups[rows], fold[order])


def majority(plan: Plan, data: Data, splits: Sequence[Split], groups: Labels) -> Run:
    """Return the baseline that always predicts the training part's commonest class, or its mean value.

    Args:
        plan: the recipe
        data: the rows
        splits: the folds
        groups: bootstrap unit of each row, shape (n_rows,)
    """
    parts = []
    for number, split in enumerate(splits):
        target = data.target[split.train]
        if plan.task == "classes":
            counts = [(target == output).sum() for output in data.outputs]
            row = np.eye(len(data.outputs))[int(np.argmax(counts))]
        else:
            row = np.atleast_1d(target.mean(axis=0))
        parts.append((split.test, number, np.tile(row, (split.test.size, 1))))
    return _of_utterances(plan, data, _gathered(data, groups, parts))


def outputs(plan: Plan, data: Data) -> tuple[str, ...]:
    """Return the names of the score columns of utterances.

    Args:
        plan: the recipe
        data: the rows
    """
    return windows.outputs(data.outputs, plan.recipe.clips)


def scored(plan: Plan, data: Data, same_variant: Sequence[Run], bootstrap: Bootstrap) -> dict[str, Any]:
    """Return the scores of a variant's runs.

    Args:
        plan: the recipe
        data: the rows
        same_variant: its runs
        bootstrap: settings of the intervals
    """
    if plan.task == "classes":
        per_fold = plan.protocol.averaging == "per fold"
        # runs of windows have no column for "none"
        names = outputs(plan, data)[: same_variant[0].scores.shape[1]]
        return scoring.of_classes(same_variant, names, bootstrap, per_fold=per_fold, n_real=len(data.outputs))
    if plan.task == "labels":
        return scoring.of_labels(same_variant, data.outputs, bootstrap)
    return scoring.of_values(same_variant, bootstrap)


def gained(
    plan: Plan, data: Data, mine: Sequence[Run], other: Sequence[Run], bootstrap: Bootstrap
) -> dict[str, dict[str, float | None]]:
    """Return the difference of each score to that of other runs on the same utterances, with paired intervals.

    Args:
        plan: the recipe
        data: the rows
        mine: runs of one variant
        other: those of another
        bootstrap: settings of the intervals
    """
    if plan.task != "classes":
        counted, score = scoring.sums(plan.task)
        return scores.intervals(counted(mine), bootstrap, other=counted(other), score=score)
    per_fold = plan.protocol.averaging == "per fold"
    # runs of windows have no column for "none"
    names = outputs(plan, data)[: mine[0].scores.shape[1]]
    a, b = (scoring.matrices(side, names, per_fold=per_fold) for side in (mine, other))
    score = partial(scores.overall, n_real=len(data.outputs))
    return scores.intervals(a, bootstrap, other=b, per_fold=per_fold, score=score)


def _of_utterances(plan: Plan, data: Data, run: Run) -> Run:
    """Pool the scores of windows into scores of their utterances; return a run of utterances unchanged.

    Where windows of an utterance were tested in several folds, all are pooled, and the fold of the first is kept.
    """
    if plan.recipe.windows is None:
        return run
    clip = dict(zip(data.ids.tolist(), data.clips.tolist(), strict=True))
    clips = np.array([clip[row_id] for row_id in run.ids.tolist()], dtype=str)
    # leave-one-corpus-in tests an utterance once per training corpus: score it each time
    fold = np.zeros_like(run.fold) if plan.protocol.leaky else run.fold
    order = np.lexsort((np.arange(clips.size), clips, fold))
    sorted_rows = zip(fold[order].tolist(), clips[order].tolist(), strict=True)
    keys = np.array([f"{number}\0{name}" for number, name in sorted_rows])
    first, scores = windows.pooled(run.scores[order], keys, plan.recipe.clips or Clips())
    rows = order[first]
    return Run(clips[rows], run.actual[rows], scores, run.groups[rows], run.fold[rows])
