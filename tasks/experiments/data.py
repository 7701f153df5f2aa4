"""Rows of an experiment: the utterances with a target and features, sorted by id; or their windows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.core import artifacts, free_memory, paths, tables
from tasks.core.config import Experiment, Windows
from tasks.evaluation import protocols
from tasks.evaluation.protocols import Columns, Split
from tasks.evaluation.splits import Labels
from tasks.experiments import row_selection, windows
from tasks.experiments.plan import FeatureSet, Plan
from tasks.experiments.targets import fixed_outputs
from tasks.features.base import store
from tasks.features.base.sequences import Sequences
from tasks.models.base.estimator import Inputs, Weights

_OF_VOTERS = ("consensus", "model")
"""Sources of labels whose weight is the probability that they are right; of others it is an agreement of raters."""
_CHUNK = 10_000
"""Rows that are made JSON at once, for their digest."""
_AUDITED = ("utterance_id", "samples_sha256", "fingerprint")
"""Columns of the table of sounds that the audit reads."""
_BATCH = 10_000


@dataclass(frozen=True)
class Data:
    """The rows of an experiment.

    Args:
        columns: ids, speakers, groups, scripts and official parts of the rows
        target: classes, shape (n_rows,); labels, 0 or 1, shape (n_rows, n_labels); or values, shape (n_rows,), of
            several (n_rows, n_values)
        outputs: the classes, sorted; the labels; or the names of the values
        inputs: the blocks of features
        left_out: reason → number of utterances left out
        digest: of everything that affects a fit
        clips: ids of the rows' utterances, ascending, shape (n_rows,)
        cards: feature set → its card
        lacking: feature set → number of rows without it, if any
        weights: probabilities of labels that voters gave, 1 for other labels, shape (n_rows,); None: all are 1
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
    weights: Weights = None

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
    data = _read(held.plan)
    # what reading the tables took
    free_memory.release()
    return data


def _read(plan: Plan) -> Data:
    recipe = plan.recipe
    rows = table(plan)
    sets = {part.name: store.read(paths.features(recipe.corpus, part.name)) for part in plan.parts}
    ids = rows["utterance_id"].to_pylist()
    places = {name: store.positions(features, ids) for name, features in sets.items()}
    needs = np.logical_and if recipe.missing == "left-out" else np.logical_or
    kept, targets, left_out = row_selection.select(plan, rows, needs.reduce([place >= 0 for place in places.values()]))
    data = _of(plan, rows, kept, targets, left_out)
    # freed before features are read
    del rows, ids, targets
    places = {name: place[np.array(kept, dtype=np.int64)] for name, place in places.items()}
    cards = {name: features.card for name, features in sets.items()}
    data = replace(
        data,
        inputs=inputs_of(plan.parts, recipe.missing, sets, places, data.inputs.units),
        digest=_digest(recipe, data, cards),
        cards=cards,
        lacking={name: int((place < 0).sum()) for name, place in places.items() if (place < 0).any()},
    )
    return _windowed(data, recipe.windows) if recipe.windows else data


def with_target(plan: Plan, target: str, outputs: Sequence[str]) -> Data:
    """Return rows whose classes are in another column of the utterance table, whether or not they have the recipe's.

    Args:
        plan: the recipe
        target: the column
        outputs: classes that count even if no row has them

    Raises:
        NotEnoughData: if there is no such row, or there is a single class
    """
    recipe = plan.recipe.model_copy(update={"target": target, "first_per_class": None})
    data = _read(replace(plan, recipe=recipe))
    return replace(data, outputs=tuple(sorted({*data.outputs, *outputs})))


def without_features(plan: Plan, rows: pa.Table) -> Data:
    """Return an experiment's rows by the utterance table alone, for checks before features are extracted.

    Args:
        plan: the recipe
        rows: of the utterance table

    Raises:
        NotEnoughData: if no row is left, there is a single class, or the recipe names what no row has
    """
    kept, targets, left_out = row_selection.select(plan, rows)
    return _of(plan, rows, kept, targets, left_out)


def table(plan: Plan) -> pa.Table:
    """Return the utterances of a recipe's corpus, sorted by id.

    Args:
        plan: the recipe
    """
    return tables.in_order(tables.read_corpus(paths.utterances(plan.recipe.corpus)), "utterance_id")


def _of(plan: Plan, rows: pa.Table, kept: list[int], targets: list[Any], left_out: Mapping[str, int]) -> Data:
    rows = rows.select([*protocols.NEEDED, "label_source", "weight"]).take(pa.array(kept, pa.int64()))
    columns = protocols.columns_of({name: rows[name].to_pylist() for name in protocols.NEEDED})
    target = np.array(targets) if plan.task == "classes" else np.array(targets, dtype=np.float64)
    inputs = Inputs(columns[plan.protocol.inner_unit or "utterance_id"])
    weights, clips = _weights(rows), columns["utterance_id"]
    return Data(columns, target, _outputs(plan, target), inputs, left_out, "", clips, weights=weights)


def _windowed(data: Data, settings: Windows) -> Data:
    """Return windows as rows, each with its utterance's target and protocol columns."""
    steps_s = {name: data.cards[name]["step_s"] for name in data.inputs.sequences}
    where, inputs = windows.of_inputs(data.inputs, steps_s, settings)
    columns = {name: column[where.parent] for name, column in data.columns.items()}
    clips = columns["utterance_id"]
    numbers = zip(clips.tolist(), where.number.tolist(), strict=True)
    columns["utterance_id"] = np.array([f"{clip}#{number:05d}" for clip, number in numbers], dtype=str)
    return replace(
        data,
        columns=columns,
        target=data.target[where.parent],
        inputs=inputs,
        clips=clips,
        weights=None if data.weights is None else data.weights[where.parent],
    )


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
    """Return what the audit reads of the rows' sound; None for a corpus without sound.

    Args:
        plan: the recipe
        data: the rows
    """
    path = paths.sounds(plan.recipe.corpus)
    if not path.is_file():
        return None
    ids = _clips(data)
    with artifacts.parquet(path) as file:
        # in batches, so that only fingerprints of these rows are in memory
        batches = [_of_rows(batch, ids) for batch in file.iter_batches(_BATCH, columns=_AUDITED)]
    schema = pa.schema([tables.SOUNDS.field(name) for name in _AUDITED])
    return pa.Table.from_batches(batches).cast(schema).combine_chunks() if batches else schema.empty_table()


def utterances(plan: Plan, data: Data) -> pa.Table:
    """Return the rows of the utterance table that the experiment uses, in its order.

    Args:
        plan: the recipe
        data: the rows
    """
    return _of_rows(table(plan), _clips(data))


def _clips(data: Data) -> pa.Array:
    return pa.array(data.clips[data.first], pa.string())


def _of_rows(rows: Any, ids: pa.Array) -> Any:
    return rows.filter(pc.is_in(rows["utterance_id"], ids))


def _outputs(plan: Plan, target: NDArray[Any]) -> tuple[str, ...]:
    return fixed_outputs(plan.recipe.target) or tuple(np.unique(target).tolist())


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


def _weights(rows: pa.Table) -> Weights:
    by_voters = pc.is_in(rows["label_source"], pa.array(_OF_VOTERS, pa.string()))
    given = pc.if_else(by_voters, rows["weight"], pa.scalar(1.0))
    weights: NDArray[np.float64] = pc.fill_null(given, 1.0).to_numpy()
    return None if (weights == 1).all() else weights


def _digest(recipe: Experiment, data: Data, cards: Mapping[str, Any]) -> str:
    digest = hashlib.sha256()
    for text in _digested(recipe, data, cards):
        digest.update(text.encode())
    return digest.hexdigest()


def _digested(recipe: Experiment, data: Data, cards: Mapping[str, Any]) -> Iterator[str]:
    """Yield a list as JSON, in pieces: columns, targets, digests of features, windows, weights."""
    for number, (name, column) in enumerate(data.columns.items()):
        yield f"{', ' if number else '[{'}{json.dumps(name)}: "
        yield from _as_json(column)
    yield "}, "
    yield from _as_json(data.target)
    features = {name: [card["index_sha256"], card["values_sha256"]] for name, card in cards.items()}
    cut = [recipe.windows.model_dump()] if recipe.windows else []
    for entry in [features, *cut]:
        yield f", {json.dumps(entry)}"
    if data.weights is not None:
        yield ", "
        yield from _as_json(data.weights)
    yield "]"


def _as_json(values: NDArray[Any]) -> Iterator[str]:
    yield "["
    for start in range(0, len(values), _CHUNK):
        # without the brackets of the part
        yield (", " if start else "") + json.dumps(values[start : start + _CHUNK].tolist())[1:-1]
    yield "]"
