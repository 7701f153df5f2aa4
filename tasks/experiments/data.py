"""Rows of an experiment: the utterances with a target and features, sorted by id; or their windows."""

from __future__ import annotations

import fnmatch
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.core import paths, tables
from tasks.core.config import Experiment, Windows
from tasks.core.errors import NotEnoughData
from tasks.corpora import labels
from tasks.evaluation import protocols
from tasks.evaluation.protocols import Columns, Split
from tasks.evaluation.splits import Labels
from tasks.experiments import windows
from tasks.experiments.plan import MANY_INTENSITIES, SEVERAL, SHARED, FeatureSet, Plan
from tasks.features.base import store
from tasks.features.base.sequences import Sequences
from tasks.models.base.estimator import Inputs

NO_TARGET, NO_FEATURES, NOT_AMONG_FIRST = "no label among the classes", "no features", "beyond the first of its class"
NOT_ASKED_FOR, EXCLUDED = "not what the recipe is about", "excluded by the recipe"
_NAMED = 12


@dataclass(frozen=True)
class Data:
    """The rows of an experiment.

    Args:
        columns: ids, speakers, groups, scripts and official parts of the rows
        target: classes, shape (n_rows,); labels, 0 or 1, shape (n_rows, n_labels); or values, shape (n_rows,)
        outputs: the classes, sorted; the labels; or the name of the value
        inputs: the blocks of features
        left_out: reason → number of utterances left out
        digest: of everything that affects a fit
        clips: ids of the rows' utterances, ascending, shape (n_rows,)
        cards: feature set → its card
        lacking: feature set → number of rows without it, if any
    """

    columns: Columns
    target: NDArray[Any]
    outputs: tuple[str, ...]
    inputs: Inputs
    left_out: Mapping[str, int]
    digest: str
    clips: Labels
    cards: Mapping[str, Any] = field(default_factory=dict)
    lacking: Mapping[str, int] = field(default_factory=dict)

    @property
    def ids(self) -> Labels:
        """Ids of the rows, shape (n_rows,)."""
        return self.columns["utterance_id"]

    @property
    def first(self) -> NDArray[np.int64]:
        """The first row of each utterance, shape (n_utterances,)."""
        return np.unique(self.clips, return_index=True)[1]

    @property
    def strata(self) -> Labels:
        """Strata of the folds: classes, patterns of labels, or rounded values; shape (n_rows,)."""
        if self.target.dtype.kind == "U":
            return self.target
        rounded = np.rint(self.target).astype(int).reshape(len(self.target), -1)
        return np.array([" ".join(map(str, row)) for row in rounded.tolist()], dtype=str)


def load(plan: Plan) -> Data:
    """Read an experiment's rows, or return those that were read last in this process.

    Args:
        plan: the recipe

    Raises:
        NotEnoughData: if no row is left, or there is a single class
    """
    read = [paths.utterances(plan.recipe.corpus)]
    read += [paths.features(plan.recipe.corpus, part.name) / "card.json" for part in plan.parts]
    entries = plan.recipe.model_dump(
        include={
            "corpus", "target", "labels", "features", "protocol", "first_per_class", "windows", "only_in_training",
            "missing", "only", "exclude",
        }
    )  # fmt: skip
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "" for path in read]
    return _load(json.dumps([entries, digests, str(Path.cwd())], sort_keys=True), _Held(plan))


@dataclass(frozen=True, eq=False)
class _Held:
    """A plan outside the cache key: any two compare equal."""

    plan: Plan

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=1)
def _load(_: str, held: _Held) -> Data:
    return _read(held.plan)


def _read(plan: Plan) -> Data:
    recipe = plan.recipe
    rows = sorted(
        tables.read_corpus(paths.utterances(recipe.corpus)).to_pylist(), key=lambda row: str(row["utterance_id"])
    )
    left_out: Counter[str] = Counter()
    sets = {part.name: store.read(paths.features(recipe.corpus, part.name)) for part in plan.parts}
    ids = [row["utterance_id"] for row in rows]
    places = {name: store.positions(features, ids) for name, features in sets.items()}
    needs = np.logical_and if recipe.missing == "left-out" else np.logical_or
    has_features = needs.reduce([place >= 0 for place in places.values()])
    kept, targets, taken = [], [], Counter[str]()
    asked, excluded = _asked(plan, rows), _excluded(plan, ids)
    for number, target in enumerate(_targets(plan, rows)):
        if not asked[number]:
            left_out[NOT_ASKED_FOR] += 1
        elif ids[number] in excluded:
            left_out[EXCLUDED] += 1
        elif target is None:
            left_out[NO_TARGET] += 1
        elif not has_features[number]:
            left_out[NO_FEATURES] += 1
        elif recipe.first_per_class and taken[str(target)] >= recipe.first_per_class:
            left_out[NOT_AMONG_FIRST] += 1
        else:
            taken[str(target)] += 1
            kept.append(number)
            targets.append(target)
    _demand_rows(plan, targets, left_out)
    chosen = np.array(kept, dtype=np.int64)
    columns = protocols.columns_of({name: [rows[number][name] for number in kept] for name in protocols.NEEDED})
    places = {name: place[chosen] for name, place in places.items()}
    inputs = inputs_of(plan.parts, recipe.missing, sets, places, _units(plan, columns))
    target = np.array(targets) if plan.task == "classes" else np.array(targets, dtype=np.float64)
    cards = {name: features.card for name, features in sets.items()}
    digest, clips = _digest(recipe, columns, targets, cards), columns["utterance_id"]
    lacking = {name: int((place < 0).sum()) for name, place in places.items() if (place < 0).any()}
    data = Data(columns, target, _outputs(plan, target), inputs, left_out, digest, clips, cards, lacking)
    return _windowed(data, recipe.windows) if recipe.windows else data


def _windowed(data: Data, settings: Windows) -> Data:
    """Return windows as rows, each with its utterance's target and protocol columns."""
    steps_s = {name: data.cards[name]["step_s"] for name in data.inputs.sequences}
    where, inputs = windows.of_inputs(data.inputs, steps_s, settings)
    columns = {name: column[where.parent] for name, column in data.columns.items()}
    clips = columns["utterance_id"]
    numbers = zip(clips.tolist(), where.number.tolist(), strict=True)
    columns["utterance_id"] = np.array([f"{clip}#{number:05d}" for clip, number in numbers], dtype=str)
    return replace(data, columns=columns, target=data.target[where.parent], inputs=inputs, clips=clips)


def resampled(plan: Plan, columns: Columns) -> Labels:
    """Return the bootstrap unit of each row, shape (n_rows,): the protocol's unit, else its speaker, else its group.

    Args:
        plan: the recipe
        columns: of the rows
    """
    candidates = (*plan.protocol.unit, "speaker", "group", "utterance_id")
    return next(columns[name] for name in candidates if not (columns[name] == "").any())


def by_utterance(data: Data, splits: Sequence[Split]) -> tuple[Split, ...]:
    """Return folds of windows as folds of utterances, for the audit: an utterance may be in several parts.

    Args:
        data: the rows
        splits: their folds
    """
    _, number = np.unique(data.clips, return_inverse=True)
    return tuple(
        Split(split.name, *(np.unique(number[rows]) for rows in (split.train, split.test, split.development)))
        for split in splits
    )


def sounds(plan: Plan, data: Data) -> pa.Table | None:
    """Return the measurements of the rows' sound, for the audit; None for a corpus without sound.

    Args:
        plan: the recipe
        data: the rows
    """
    path = paths.sounds(plan.recipe.corpus)
    return _of_rows(tables.read(path, tables.SOUNDS), data) if path.is_file() else None


def utterances(plan: Plan, data: Data) -> pa.Table:
    """Return the rows of the utterance table that the experiment uses, in its order.

    Args:
        plan: the recipe
        data: the rows
    """
    return _of_rows(tables.read_corpus(paths.utterances(plan.recipe.corpus)).sort_by("utterance_id"), data)


def _of_rows(table: pa.Table, data: Data) -> pa.Table:
    return table.filter(pa.compute.is_in(table["utterance_id"], pa.array(np.unique(data.clips).tolist(), pa.string())))


def _asked(plan: Plan, rows: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Return for every row whether `only` selects it.

    Raises:
        NotEnoughData: if `only` names a column that does not exist, or a value that no row has
    """
    for column, values in plan.recipe.only.items():
        present = {str(row[column]) for row in rows if row.get(column) is not None}
        if unknown := [value for value in values if value not in present]:
            few = ", ".join(sorted(present)[:_NAMED]) + (" …" if len(present) > _NAMED else "")
            columns = ", ".join(sorted({key for row in rows for key in row}))
            possible = f"there are {few}" if present else f"columns are {columns}"
            raise NotEnoughData(
                f"experiment {plan.name}: only: no utterance of {plan.recipe.corpus} has {', '.join(unknown)} as its "
                f"{column}; {possible}"
            )
    return [all(str(row.get(column)) in values for column, values in plan.recipe.only.items()) for row in rows]


def _excluded(plan: Plan, ids: Sequence[str]) -> set[str]:
    """Return the ids of the utterances that the recipe excludes.

    Raises:
        NotEnoughData: if an entry of `exclude` matches no utterance
    """
    matches = {pattern: fnmatch.filter(ids, pattern) for pattern in plan.recipe.exclude}
    if unknown := [pattern for pattern, matched in matches.items() if not matched]:
        raise NotEnoughData(
            f"experiment {plan.name}: exclude: no utterance of {plan.recipe.corpus} has the id "
            f"{', '.join(unknown[:_NAMED])}; an id is written like {ids[0] if ids else 'corpus/name'}"
        )
    return set().union(*matches.values())


def _targets(plan: Plan, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return every row's target; None if it has none that the recipe uses."""
    targets = [_target(plan, row) for row in rows]
    extra = plan.recipe.only_in_training
    corpora = [row["corpus"] for row in rows]
    if unknown := sorted(set(extra) - set(corpora)):
        present = ", ".join(sorted(set(corpora)))
        raise NotEnoughData(f"experiment {plan.name}: only_in_training names {', '.join(unknown)}; there are {present}")
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


def _demand_known_labels(plan: Plan, rows: Sequence[Mapping[str, Any]]) -> None:
    """Check that every label that the recipe lists itself occurs."""
    recipe = plan.recipe
    listed = [] if isinstance(recipe.labels, str) else list(recipe.labels)
    present = {row.get(recipe.target) for row in rows} - {None}
    if unknown := [name for name in listed if name not in present]:
        raise NotEnoughData(
            f"experiment {plan.name}: labels: no utterance of {recipe.corpus} has {', '.join(unknown)} as its "
            f"{recipe.target}; there are {', '.join(sorted(map(str, present))[:_NAMED])}"
        )


def _target(plan: Plan, row: Mapping[str, Any]) -> Any:
    recipe = plan.recipe
    if plan.task == "classes":
        value, classes = row.get(recipe.target), labels.chosen(recipe.labels)
        return value if classes is None else classes.get(value or "")
    if recipe.target == SEVERAL:
        values = [row.get(name) for name in MANY_INTENSITIES]
        return None if None in values else [float(value > 0) for value in values if value is not None]
    return row.get(recipe.target)


def _outputs(plan: Plan, target: NDArray[Any]) -> tuple[str, ...]:
    if plan.task == "classes":
        return tuple(np.unique(target).tolist())
    if plan.recipe.target == SEVERAL:
        return tuple(name.removesuffix("_intensity") for name in MANY_INTENSITIES)
    return (plan.recipe.target,)


def _units(plan: Plan, columns: Columns) -> Labels:
    return columns[plan.protocol.inner_unit or "utterance_id"]


def inputs_of(
    parts: Sequence[FeatureSet],
    missing: str,
    sets: Mapping[str, store.Features],
    places: Mapping[str, NDArray[np.int64]],
    units: Labels,
) -> Inputs:
    """Return the blocks of features of rows.

    Args:
        parts: the recipe's feature sets
        missing: as in the recipe: `kept`: every block is a sequence, of length 0 for rows without it
        sets: feature set → its values
        places: feature set → place of each row in it, -1 for none, shape (n_rows,)
        units: of the rows, shape (n_rows,)
    """
    by_kind: dict[str, dict[str, Any]] = {"vector": {}, "sequence": {}, "text": {}}
    for part in parts:
        features, place = sets[part.name], places[part.name]
        if missing == "kept":
            by_kind["sequence"][part.name] = _with_missing(features, place)
            continue
        read = {"vector": features.vectors, "sequence": features.sequences, "text": features.texts}
        by_kind[part.extractor.gives][part.name] = read[part.extractor.gives](place)
    return Inputs(units, by_kind["vector"], by_kind["sequence"], by_kind["text"])


def _with_missing(features: store.Features, place: NDArray[np.int64]) -> Sequences:
    """Return sequences, of length 0 for rows without features; a vector is a sequence of one step."""
    present = place >= 0
    if not present.any():
        # the number of features is unknown: one step that no row uses stands for them
        zeros = np.zeros_like(place)
        return Sequences(np.zeros((1, 1), dtype=np.float32), zeros, zeros)
    sequences = features.sequences(np.where(present, place, 0))
    return Sequences(sequences.steps, np.where(present, sequences.starts, 0), np.where(present, sequences.lengths, 0))


def _demand_rows(plan: Plan, targets: list[Any], left_out: Mapping[str, int]) -> None:
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items()) or "the corpus is empty"
    if not targets:
        raise NotEnoughData(f"experiment {plan.name}: no utterance of {plan.recipe.corpus} can be used: {reasons}")
    if plan.task == "classes" and len(set(targets)) < 2:
        raise NotEnoughData(f"experiment {plan.name}: found a single class, {targets[0]}; expected two or more")


def _digest(recipe: Experiment, columns: Columns, targets: list[Any], cards: Mapping[str, Any]) -> str:
    features = {name: [card["index_sha256"], card["values_sha256"]] for name, card in cards.items()}
    rows = [{name: column.tolist() for name, column in columns.items()}, targets, features]
    cut = [recipe.windows.model_dump()] if recipe.windows else []
    return hashlib.sha256(json.dumps(rows + cut).encode()).hexdigest()
