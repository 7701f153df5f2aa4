"""Rows that a recipe uses, by the utterance table: `only`, `exclude`, targets, classes, the first of each class."""

from __future__ import annotations

import fnmatch
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from tasks.core.errors import NotEnoughData
from tasks.corpora import labels
from tasks.experiments.plan import Plan
from tasks.experiments.targets import INTENSITIES, SEVERAL, SHARED, columns_of

NO_TARGET, NO_FEATURES, NOT_AMONG_FIRST = "no label among the classes", "no features", "beyond the first of its class"
NOT_RATED = "an emotion without a rating"
NOT_ASKED_FOR, EXCLUDED = "not what the recipe is about", "excluded by the recipe"
_NAMED = 12


def select(
    plan: Plan, rows: pa.Table, has_features: Sequence[bool] | None = None
) -> tuple[list[int], list[Any], Mapping[str, int]]:
    """Select a recipe's rows.

    Args:
        plan: the recipe
        rows: of the utterance table, with the corpus's own columns
        has_features: for every row; None: as if all had them

    Returns:
        the numbers of the selected rows, their targets, and reason → number of rows left out

    Raises:
        NotEnoughData: if no row is left, there is a single class, or the recipe names what no row has
    """
    kept, targets, taken, left_out = [], [], Counter[str](), Counter[str]()
    ids = _values(rows, "utterance_id")
    asked, excluded = _asked(plan, rows), _excluded(plan, ids)
    first = plan.recipe.first_per_class
    for number, target in enumerate(_targets(plan, rows)):
        if not asked[number]:
            left_out[NOT_ASKED_FOR] += 1
        elif ids[number] in excluded:
            left_out[EXCLUDED] += 1
        elif target is None:
            left_out[NOT_RATED if plan.recipe.target == INTENSITIES else NO_TARGET] += 1
        elif has_features is not None and not has_features[number]:
            left_out[NO_FEATURES] += 1
        elif first and taken[str(target)] >= first:
            left_out[NOT_AMONG_FIRST] += 1
        else:
            taken[str(target)] += 1
            kept.append(number)
            targets.append(target)
    _demand_rows(plan, targets, left_out)
    return kept, targets, left_out


def _values(rows: pa.Table, column: str) -> list[Any]:
    # a column at a time: all rows as Python objects take 2 kB a row
    values: list[Any] = rows[column].to_pylist() if column in rows.column_names else [None] * rows.num_rows
    return values


def _asked(plan: Plan, rows: pa.Table) -> list[bool]:
    """Return for every row whether `only` selects it.

    Raises:
        NotEnoughData: if `only` names a column that does not exist, or a value that no row has
    """
    asked = [True] * rows.num_rows
    for column, values in plan.recipe.only.items():
        texts = [None if value is None else str(value) for value in _values(rows, column)]
        present = {text for text in texts if text is not None}
        if unknown := [value for value in values if value not in present]:
            few = ", ".join(sorted(present)[:_NAMED]) + (" …" if len(present) > _NAMED else "")
            columns = ", ".join(sorted(rows.column_names))
            possible = f"there are {few}" if present else f"columns are {columns}"
            raise NotEnoughData(
                f"{plan.where}.only: no utterance of {plan.recipe.corpus} has {', '.join(unknown)} as its "
                f"{column}; {possible}"
            )
        asked = [before and str(text) in values for before, text in zip(asked, texts, strict=True)]
    return asked


def _excluded(plan: Plan, ids: Sequence[str]) -> set[str]:
    """Return the ids of the utterances that the recipe excludes.

    Raises:
        NotEnoughData: if an entry of `exclude` matches no utterance
    """
    matches = {pattern: fnmatch.filter(ids, pattern) for pattern in plan.recipe.exclude}
    if unknown := [pattern for pattern, matched in matches.items() if not matched]:
        raise NotEnoughData(
            f"{plan.where}.exclude: no utterance of {plan.recipe.corpus} has the id "
            f"{', '.join(unknown[:_NAMED])}; an id is written like {ids[0] if ids else 'corpus/name'}"
        )
    return set().union(*matches.values())


def _targets(plan: Plan, rows: pa.Table) -> list[Any]:
    """Return every row's target; None if it has none that the recipe uses."""
    read = [_values(rows, name) for name in columns_of(plan.recipe.target)]
    targets = [_target(plan, values) for values in zip(*read, strict=True)]
    extra = plan.recipe.only_in_training
    corpora = _values(rows, "corpus")
    if unknown := sorted(set(extra) - set(corpora)):
        present = ", ".join(sorted(set(corpora)))
        raise NotEnoughData(
            f"{plan.where}.only_in_training: no utterance is of {', '.join(unknown)}; there are {present}"
        )
    for number, (target, corpus) in enumerate(zip(targets, corpora, strict=True)):
        if extra.get(corpus) and target not in extra[corpus]:
            targets[number] = None
    _demand_known_labels(plan, rows)
    if plan.recipe.labels != SHARED:
        return targets
    of_corpus: dict[str, set[str]] = {}
    for target, corpus in zip(targets, corpora, strict=True):
        of_corpus.setdefault(corpus, set()).update({target} - {None})
    shared = set.intersection(*of_corpus.values())
    return [target if target in shared else None for target in targets]


def _demand_known_labels(plan: Plan, rows: pa.Table) -> None:
    """Check that every label that the recipe lists itself occurs."""
    recipe = plan.recipe
    listed = [] if isinstance(recipe.labels, str) else list(recipe.labels)
    present = set(_values(rows, recipe.target)) - {None}
    if unknown := [name for name in listed if name not in present]:
        raise NotEnoughData(
            f"{plan.where}.labels: no utterance of {recipe.corpus} has {', '.join(unknown)} as its "
            f"{recipe.target}; there are {', '.join(sorted(map(str, present))[:_NAMED])}"
        )


def _target(plan: Plan, values: Sequence[Any]) -> Any:
    recipe = plan.recipe
    if plan.task == "classes":
        (value,), classes = values, labels.chosen(recipe.labels)
        return value if classes is None else classes.get(value or "")
    numbers = [float(value) for value in values if value is not None and not math.isnan(value)]
    if len(numbers) < len(values):
        return None
    if recipe.target == SEVERAL:
        return [float(value > 0) for value in numbers]
    return numbers if recipe.target == INTENSITIES else numbers[0]


def _demand_rows(plan: Plan, targets: list[Any], left_out: Mapping[str, int]) -> None:
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items()) or "the corpus is empty"
    if not targets:
        raise NotEnoughData(f"{plan.where}: no utterance of {plan.recipe.corpus} can be used: {reasons}")
    if plan.task == "classes" and len(set(targets)) < 2:
        raise NotEnoughData(f"{plan.where}.labels: found a single class, {targets[0]}; expected two or more")
