"""Mistakes in recipes that their corpora show, and checkpoints that are missing, before any feature is extracted.

Only the utterance table is read. Rows, folds and inner folds are made by the functions that experiments use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa

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
    """Check recipes against the utterance tables of their corpora, and the checkpoints that they name.

    Args:
        plans: the recipes; of those whose corpus is not read yet, checkpoints only

    Raises:
        ConfigError: one line a mistake: its place in params.yaml, what was found, what is expected, what to do
    """
    _demand_none(line for plan in plans for line in (*_missing(plan), *of_corpus(plan)))


def demand_checkpoints(plans: Iterable[Plan]) -> None:
    """Check that the checkpoints of recipes are on this machine; those on the Hugging Face hub are downloaded.

    Args:
        plans: the recipes

    Raises:
        ConfigError: as `demand_corpus`
    """
    _demand_none(line for plan in plans for line in _missing(plan))


def _demand_none(mistakes: Iterable[str]) -> None:
    # recipes share features: each mistake once
    with error_lines():
        if lines := list(dict.fromkeys(mistakes)):
            raise ConfigError("\n".join(lines))


def _missing(plan: Plan) -> Iterator[str]:
    for use in plan.checkpoint_uses:
        try:
            checkpoints.demand(use.checkpoint, use.kind)
        except InputError as error:
            yield (
                f"{paths.PARAMS}: {use.place}: {error}. Its folder needs {checkpoints.files_in_words(use.kind)}. "
                f"To try the recipe without it: undertone experiment run {plan.name} --tiny"
            )


def of_corpus(plan: Plan, rows: pa.Table | None = None) -> Iterator[str]:
    """Yield a recipe's first mistake that the utterances of its corpus show, if there is one.

    Args:
        plan: the recipe
        rows: of the utterance table; None: those of the table, if the corpus has been read
    """
    if rows is None and paths.utterances(plan.recipe.corpus).is_file():
        rows = experiment_data.table(plan)
    if rows is None:
        return
    try:
        data = experiment_data.without_features(plan, rows)
        _demand_speakers(plan, data)
        _demand_inputs(plan, data, rows)
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


def _demand_inputs(plan: Plan, data: Data, rows: pa.Table) -> None:
    """Check that an utterance has all that the features read; or any of it, if missing features are kept."""
    columns, used = sorted({part.extractor.column for part in plan.parts}), set(data.ids.tolist())
    ids, *values = (rows[name].to_pylist() for name in ("utterance_id", *columns))
    present = [[bool(value) for value in of_row] for name, *of_row in zip(ids, *values, strict=True) if name in used]
    enough, word = (all, " and ") if plan.recipe.missing == "left-out" else (any, " or ")
    if not any(enough(of_row) for of_row in present):
        counts = ", ".join(f"{sum(have[k] for have in present):,} have {name}" for k, name in enumerate(columns))
        raise NotEnoughData(
            f"{plan.where}.features: they read {word.join(columns)}, and none of the {len(present):,} utterances of "
            f"{plan.recipe.corpus} has it ({counts}); choose features of what the corpus has"
        )


def _demand_speakers(plan: Plan, data: Data) -> None:
    """Check that an adapted recipe's utterances all state their speaker."""
    without = data.ids[data.columns["speaker"] == ""]
    if plan.recipe.adapt and without.size:
        raise NotEnoughData(
            f"{plan.where}.adapt: {without.size:,} of {data.ids.size:,} utterances state no speaker, such as "
            f"{without[0]}; choose those that do, by `only` or `exclude`, or remove adapt"
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
