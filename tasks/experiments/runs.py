"""Runs: predictions of each variant (the recipe, shuffled labels, fewer modalities …), by seed; and their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np

from tasks.core.config import Clips
from tasks.evaluation import scores
from tasks.evaluation.protocols import Split
from tasks.evaluation.scores import Bootstrap
from tasks.evaluation.splits import Labels
from tasks.experiments import scoring, windows
from tasks.experiments.data import Data, resampled
from tasks.experiments.fit_item import ONLY, SHUFFLED, Fit
from tasks.experiments.plan import Plan
from tasks.experiments.scoring import Run
from tasks.features.base.sequences import Rows
from tasks.models.base.estimator import Scores

MAJORITY = "majority"
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


@dataclass(frozen=True)
class Scorer:
    """A recipe, its rows and settings of the intervals: gathers the predictions of variants, and scores them.

    Args:
        plan: the recipe
        data: its rows
        groups: bootstrap unit of each row, shape (n_rows,)
        bootstrap: settings of the intervals
    """

    plan: Plan
    data: Data
    groups: Labels
    bootstrap: Bootstrap

    @classmethod
    def of(cls, plan: Plan, data: Data, bootstrap: Bootstrap) -> Self:
        """Return the scorer that resamples the units of the recipe's protocol.

        Args:
            plan: the recipe
            data: its rows
            bootstrap: settings of the intervals
        """
        return cls(plan, data, resampled(plan, data.columns), bootstrap)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the score columns of utterances."""
        return windows.outputs(self.data.outputs, self.plan.recipe.clips)

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the scores that are also computed for every baseline."""
        return scores.MEASURES[scores.kind_of(self.plan.task, len(self.data.outputs))]

    def runs(self, fits: Fits) -> list[Run]:
        """Gather a variant's predictions of utterances: one run per seed (and shuffle), rows sorted by id.

        Args:
            fits: of the variant
        """
        return [self._of_utterances(run) for run in self.row_runs(fits)]

    def row_runs(self, fits: Fits) -> list[Run]:
        """Gather a variant's predictions of rows, which are utterances or windows.

        Args:
            fits: of the variant
        """
        row_of = {row_id: number for number, row_id in enumerate(self.data.ids.tolist())}
        parts: dict[tuple[int, int], list[Predictions]] = {}
        for item, record in zip(fits.items, fits.records, strict=True):
            if record["ids"]:
                rows = np.array([row_of[row_id] for row_id in record["ids"]], dtype=np.int64)
                given = np.array(record["scores"], dtype=np.float64)
                values = scoring.aligned(given, record["outputs"], self.data.outputs)
                parts.setdefault((item.seed, item.number), []).append((rows, item.fold, values))
        return [self.gathered(of_run) for _, of_run in sorted(parts.items())]

    def of_model(self, rows: Rows, scores: Scores, names: Sequence[str]) -> Run:
        """Return a single model's predictions as a run of utterances.

        Args:
            rows: positions of the predicted rows, shape (n,)
            scores: shape (n, n_outputs)
            names: of the columns of the scores
        """
        return self._of_utterances(self.gathered([(rows, 0, scoring.aligned(scores, names, self.data.outputs))]))

    def majority(self, splits: Sequence[Split]) -> Run:
        """Return the baseline of one constant answer: the commonest class, or the mean, of all folds' training parts.

        A constant for each fold would be worse than chance where folds differ in their classes: the class that a test
        part has most of is rarer in its training part.

        Args:
            splits: the folds
        """
        target = np.concatenate([self.data.target[split.train] for split in splits])
        if self.plan.task == "classes":
            counts = [(target == output).sum() for output in self.data.outputs]
            row = np.eye(len(self.data.outputs))[int(np.argmax(counts))]
        else:
            row = np.atleast_1d(target.mean(axis=0))
        parts = [(split.test, number, np.tile(row, (split.test.size, 1))) for number, split in enumerate(splits)]
        return self._of_utterances(self.gathered(parts))

    def predicted(self, run: Run) -> Labels:
        """Return the predicted class of every row of a run, shape (n,).

        Args:
            run: of utterances or windows
        """
        # runs of windows have no column for "none"
        return scoring.predicted(run.scores, self.outputs[: run.scores.shape[1]])

    def scored(self, runs: Sequence[Run]) -> dict[str, Any]:
        """Return all scores of a variant.

        Args:
            runs: its runs
        """
        if self.plan.task == "labels":
            return scoring.of_labels(runs, self.data.outputs, self.bootstrap)
        if self.plan.task == "values":
            several, names = len(self.data.outputs) > 1, self.data.outputs
            return (
                scoring.of_several_values(runs, names, self.bootstrap)
                if several
                else scoring.of_values(runs, self.bootstrap)
            )
        names = self.outputs[: runs[0].scores.shape[1]]
        n_real = len(self.data.outputs)
        return scoring.of_classes(runs, names, self.bootstrap, per_fold=self._per_fold, n_real=n_real)

    def headline(self, runs: Sequence[Run]) -> dict[str, Any]:
        """Return the scores of a variant that are computed for every baseline, with intervals.

        Args:
            runs: its runs
        """
        scored: Mapping[str, Any] = self.scored(runs)
        return {name: scored[name] for name in self.measures}

    def gained(self, mine: Sequence[Run], other: Sequence[Run]) -> dict[str, dict[str, float | None]]:
        """Return the difference of each score to that of other runs on the same utterances, with paired intervals.

        Args:
            mine: runs of one variant
            other: those of another
        """
        if self.plan.task != "classes":
            counted, score = scoring.sums(self.plan.task, self.data.outputs)
            return scores.intervals(counted(mine), self.bootstrap, other=counted(other), score=score)
        names = self.outputs[: mine[0].scores.shape[1]]
        a, b = (scoring.matrices(side, names, per_fold=self._per_fold) for side in (mine, other))
        score = partial(scores.overall, n_real=len(self.data.outputs))
        return scores.intervals(a, self.bootstrap, other=b, per_fold=self._per_fold, score=score)

    @property
    def _per_fold(self) -> bool:
        return self.plan.protocol.averaging == "per fold"

    def gathered(self, parts: Sequence[Predictions]) -> Run:
        """Return the predictions of several folds as one run, sorted by row, then fold.

        Args:
            parts: of each fold
        """
        rows, scores = (np.concatenate([part[k] for part in parts]) for k in (0, 2))
        fold = np.concatenate([np.full(part[0].size, part[1]) for part in parts])
        order = np.lexsort((fold, rows))
        rows = rows[order]
        return Run(self.data.ids[rows], self.data.target[rows], scores[order], self.groups[rows], fold[order])

    def _of_utterances(self, run: Run) -> Run:
        """Pool the scores of windows into scores of their utterances; return a run of utterances unchanged.

        Where windows of an utterance were tested in several folds, all are pooled, and the fold of the first is kept.
        """
        if self.plan.recipe.windows is None:
            return run
        clip = dict(zip(self.data.ids.tolist(), self.data.clips.tolist(), strict=True))
        clips = np.array([clip[row_id] for row_id in run.ids.tolist()], dtype=str)
        # leave-one-corpus-in tests an utterance once per training corpus: score it each time
        fold = np.zeros_like(run.fold) if self.plan.protocol.leaky else run.fold
        order = np.lexsort((np.arange(clips.size), clips, fold))
        sorted_rows = zip(fold[order].tolist(), clips[order].tolist(), strict=True)
        keys = np.array([f"{number}\0{name}" for number, name in sorted_rows])
        first, scores = windows.pooled(run.scores[order], keys, self.plan.recipe.clips or Clips())
        rows = order[first]
        return Run(clips[rows], run.actual[rows], scores, run.groups[rows], run.fold[rows])
