"""Mistakes in recipes that their corpora show, and checkpoints that are missing, before any feature is extracted.

Only the utterance table is read. Rows, folds and inner folds are made by the functions that experiments use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np

from tasks.core import paths
from tasks.core.config import error_lines
from tasks.core.errors import ConfigError, InputError, NotEnoughData
from tasks.evaluation.protocols import Split
from tasks.experiments import data as experiment_data
from tasks.experiments import folds
from tasks.experiments.data import Data
from tasks.experiments.fit_item import Fit
from tasks.experiments.plan import Plan
from tasks.features.base import checkpoints


def demand_corpus(plans: Iterable[Plan]) -> None:
    """Check recipes against the utterance tables of their corpora, and look for the checkpoints that they name.

    Args:
        plans: the recipes; those of corpora that are not read yet are checked for checkpoints only

    Raises:
        ConfigError: one line a mistake: its place in params.yaml, what was found, what is expected, what to do
    """
    with error_lines():
        if mistakes := list(dict.fromkeys(line for plan in plans for line in (*_missing(plan), *_of_corpus(plan)))):
            raise ConfigError("\n".join(mistakes))


def _missing(plan: Plan) -> Iterator[str]:
    for use in plan.checkpoint_uses:
        try:
            checkpoints.demand(use.checkpoint, use.kind)
        except InputError as error:
            yield (
                f"{paths.PARAMS}: {use.place}: {error}. To provide it, put {checkpoints.files_in_words(use.kind)} into "
                f"a folder and write its path here; or try the recipe with random weights: undertone experiment run "
                f"{plan.name} --tiny"
            )


def _of_corpus(plan: Plan) -> Iterator[str]:
    if not paths.utterances(plan.recipe.corpus).is_file():
        return
    try:
        data = experiment_data.without_features(plan)
        _demand_inputs(plan, data)
        with _at(f"{plan.where}.protocol"):
            splits = folds.folds(plan, data, plan.recipe.seeds[0])
            for split in splits:
                _demand_parts(plan, data, split)
        if plan.recipe.tune is not None:
            with _at(f"{plan.where}.tune.folds"):
                _demand_inner_folds(plan, data, splits, plan.recipe.tune.folds)
    except (ConfigError, NotEnoughData) as error:
        yield str(error)


@contextmanager
def _at(where: str) -> Iterator[None]:
    try:
        yield
    except NotEnoughData as error:
        raise NotEnoughData(f"{where}: {error}") from None


def _demand_inputs(plan: Plan, data: Data) -> None:
    rows = experiment_data.utterances(plan, data)
    columns = sorted({part.extractor.column for part in plan.parts})
    present = [np.asarray(rows[column].is_valid()) for column in columns]
    needs, words = (np.logical_and, " and ") if plan.recipe.missing == "left-out" else (np.logical_or, " or ")
    if not needs.reduce(present).any():
        counts = ", ".join(f"{int(have.sum()):,} have {name}" for name, have in zip(columns, present, strict=True))
        raise NotEnoughData(
            f"{plan.where}.features: they read {words.join(columns)}, and none of the {rows.num_rows:,} utterances of "
            f"{plan.recipe.corpus} has it ({counts}); choose features of what the corpus has"
        )


def _demand_parts(plan: Plan, data: Data, split: Split) -> None:
    """Check that both parts have rows, and the training part two classes."""
    if not split.train.size or not split.test.size:
        raise NotEnoughData(
            f"{split.name} has {split.train.size:,} utterances to train on and {split.test.size:,} to test on; "
            "expected some of both: use another protocol, or fewer folds"
        )
    if plan.task == "classes" and (classes := np.unique(data.target[split.train])).size < 2:
        raise NotEnoughData(
            f"{split.name} trains on {split.train.size:,} utterances of a single class, {classes[0]}; expected two "
            "classes or more: use another protocol, fewer folds, or other labels"
        )


def _demand_inner_folds(plan: Plan, data: Data, splits: tuple[Split, ...], n_folds: int) -> None:
    """Check the folds inside the training part with the fewest units: the others have at least as many."""
    units = [np.unique(data.inputs.units[split.train]).size for split in splits]
    item = Fit(plan, "", "", fold=int(np.argmin(units)), seed=plan.recipe.seeds[0])
    for inner in folds.inner_folds(item, data, folds.split_of(item, data), n_folds):
        _demand_parts(plan, data, inner)
