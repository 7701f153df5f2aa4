"""Rows of an export: the utterance table of a corpus, with its label, and the predictions of an experiment."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.core import artifacts, paths, tables
from tasks.core.config import Config
from tasks.core.errors import InputError, TableError
from tasks.experiments.fit_item import RECIPE
from tasks.on_demand.exporting import file_names

LABEL = "label"
SOUND = "audio"
"""Column of the sound itself; the table of an export has the original file's name as `source_audio`."""
DIGEST = "samples_sha256"
LEFT_OUT = ("voice", "audio_sha256")
"""Columns that are not exported: a voice embedding identifies a person; the digest is that of a file left behind."""
_FIRST = ("utterance_id", LABEL, "split", "speaker", "weight", "text", "duration_s")
_RENAMED = {"audio": "source_audio", "video": "source_video"}
_RESERVED = frozenset({*_RENAMED.values(), LABEL, DIGEST, "duration_s", "file", "spk", "part"})
"""Columns that an export adds; a corpus's own of the same name gets the prefix `corpus_`."""
_TARGETS = ("emotion", "sentiment")
"""Columns that become the label of a corpus if the user names none, the first that any row has."""
_CORPUS, _EXPERIMENT = "corpus@", "experiment@"


@dataclass(frozen=True)
class ExportRequest:
    """Choice of rows and label for an export.

    Args:
        name: a corpus or an experiment of params.yaml; `corpus@NAME` or `experiment@NAME` where both have the name
        label: column of the utterance table that becomes the label; None: chosen by the table
        labelled: only rows with a label
        run: number of the experiment's run (seed) whose predictions are exported
    """

    name: str
    label: str | None = None
    labelled: bool = False
    run: int = 0


@dataclass(frozen=True)
class Selection:
    """Rows of an export.

    Args:
        corpus: name of the corpus
        experiment: name of the experiment; None: the rows are the corpus's
        table: the rows; those of one media file are adjacent, rows without sound come last
        digests: of each row's samples, None for rows without sound
        target: column of the utterance table that became the label; None: there is no label
        classes: of the label, sorted; none if it is a number
        n_rows: rows before those without a label were left out
    """

    corpus: str
    experiment: str | None
    table: pa.Table
    digests: list[str | None]
    target: str | None
    classes: tuple[str, ...]
    n_rows: int


def select(request: ExportRequest, config: Config) -> Selection:
    """Read the rows of an export.

    Args:
        request: what to export
        config: all settings

    Raises:
        InputError: if there is no such corpus or experiment, column or run
        TableError: if a stage has not run yet
    """
    corpus, experiment = _named(request.name, config)
    table = _renamed(tables.read_corpus(paths.utterances(corpus)), _RESERVED)
    classes: tuple[str, ...]
    if experiment is None:
        table, target, classes = _with_label(table, request, corpus)
    else:
        table, target, classes = _with_predictions(table, request, experiment)
    n_rows = table.num_rows
    if request.labelled:
        if target is None:
            raise InputError(f"{request.name} has no column for a single label; choose one: --label COLUMN")
        table = table.filter(pc.is_valid(table[LABEL]))
    if not table.num_rows:
        raise InputError(f"{request.name}: no row is left to export of {n_rows:,}")
    table = _with_sounds(table, corpus)
    table = table.take(_by_media_file(table["audio"].to_pylist(), table["utterance_id"].to_pylist()))
    digests = table[DIGEST].to_pylist()
    return Selection(corpus, experiment, _arranged(table), digests, target, classes, n_rows)


def _named(name: str, config: Config) -> tuple[str, str | None]:
    """Return the corpus and the experiment that a name means."""
    is_corpus = name.removeprefix(_CORPUS) in config.corpora and not name.startswith(_EXPERIMENT)
    is_experiment = name.removeprefix(_EXPERIMENT) in config.experiments and not name.startswith(_CORPUS)
    if is_corpus and is_experiment:
        raise InputError(
            f"{name} is a corpus and an experiment of params.yaml; expected {_CORPUS}{name} or {_EXPERIMENT}{name}"
        )
    if not is_corpus and not is_experiment:
        raise InputError(
            f"params.yaml has no corpus or experiment {name!r}; its corpora are {', '.join(config.corpora) or 'none'}, "
            f"its experiments {', '.join(config.experiments) or 'none'}"
        )
    if is_corpus:
        return name.removeprefix(_CORPUS), None
    experiment = name.removeprefix(_EXPERIMENT)
    return config.experiments[experiment].corpus, experiment


def _with_label(table: pa.Table, request: ExportRequest, corpus: str) -> tuple[pa.Table, str | None, tuple[str, ...]]:
    """Add the column of the label to a corpus's rows."""
    if request.run:
        raise InputError(f"--run is for experiments, and {corpus} is a corpus")
    target = request.label
    if target is None:
        target = next((name for name in _TARGETS if table[name].null_count < table.num_rows), None)
        if target is None:
            return table, None, ()
    elif target not in table.column_names:
        raise InputError(f"corpus {corpus} has no column {target!r}; it has {', '.join(table.column_names)}")
    return _labelled(table, target, table[target])


def _labelled(table: pa.Table, target: str, column: Any) -> tuple[pa.Table, str, tuple[str, ...]]:
    classes = tuple(sorted(pc.unique(column.drop_null()).to_pylist())) if pa.types.is_string(column.type) else ()
    return _appended(table, {LABEL: column}), target, classes


def _with_predictions(
    table: pa.Table, request: ExportRequest, experiment: str
) -> tuple[pa.Table, str | None, tuple[str, ...]]:
    """Return the utterances that an experiment tested, with the label it learned and its predictions."""
    if request.label is not None:
        raise InputError(f"--label is for corpora: the label of {experiment} is that of its recipe")
    path = paths.experiment(experiment) / "predictions.parquet"
    with artifacts.parquet(path) as file:
        predictions = file.read()
    predictions = predictions.filter(pc.equal(predictions["variant"], RECIPE))
    runs = sorted(set(predictions["run"].to_pylist()))
    if request.run not in runs:
        raise InputError(f"{experiment} has no run {request.run}; its runs are {', '.join(map(str, runs))}")
    predictions = predictions.filter(pc.equal(predictions["run"], request.run)).sort_by("utterance_id")
    ids = predictions["utterance_id"]
    tested = table.filter(pc.is_in(table["utterance_id"], ids.combine_chunks())).sort_by("utterance_id")
    if tested["utterance_id"].to_pylist() != ids.to_pylist():
        raise TableError(
            f"{path}: {predictions.num_rows - tested.num_rows:,} of {predictions.num_rows:,} utterances are not in the "
            f"corpus's table any more; bring the experiment up to date: undertone experiment run {experiment}"
        )
    used = [name for name in predictions.column_names if name not in ("variant", "run", "utterance_id", "group")]
    used = [name for name in used if predictions[name].null_count < predictions.num_rows]
    names = file_names.unique(used, lambda name: re.sub(r"\W+", "_", name))
    if "actual" not in used:
        return _appended(tested, {names[name]: predictions[name] for name in used}), None, ()
    target = str(artifacts.read_json(paths.experiment(experiment) / "results.json")["target"])
    columns = {names[name]: predictions[name] for name in used if name != "actual"}
    tested, target, classes = _labelled(_appended(tested, columns), target, predictions["actual"])
    if classes:
        # a class that no test row has can be predicted
        classes = tuple(sorted({*classes, *predictions["predicted"].to_pylist()}))
    return tested, target, classes


def _appended(table: pa.Table, columns: Mapping[str, Any]) -> pa.Table:
    """Add columns; a column of the corpus that has the name of a new one gets the prefix `corpus_`."""
    table = _renamed(table, columns)
    for name, column in columns.items():
        table = table.append_column(name, column)
    return table


def _renamed(table: pa.Table, taken: Container[str]) -> pa.Table:
    """Add the prefix `corpus_` to the names of columns that are taken."""
    return table.rename_columns([f"corpus_{name}" if name in taken else name for name in table.column_names])


def _with_sounds(table: pa.Table, corpus: str) -> pa.Table:
    """Add the duration and the digest of each row's samples, null for rows without sound."""
    path = paths.sounds(corpus)
    sounds = tables.read(path, tables.SOUNDS).select(["utterance_id", "duration_s", DIGEST]).to_pylist()
    by_id = {row["utterance_id"]: row for row in sounds}
    ids, audio = table["utterance_id"].to_pylist(), table["audio"].to_pylist()
    nothing: dict[str, Any] = {"duration_s": None, DIGEST: None}
    rows = [by_id.get(name, nothing) if file else nothing for name, file in zip(ids, audio, strict=True)]
    if lost := [name for name, file, row in zip(ids, audio, rows, strict=True) if file and row[DIGEST] is None]:
        raise TableError(f"{path}: no row for {lost[0]}, which has sound; run undertone run corpus@{corpus} --force")
    return _appended(
        table,
        {
            "duration_s": pa.array([row["duration_s"] for row in rows], pa.float64()),
            DIGEST: pa.array([row[DIGEST] for row in rows], pa.string()),
        },
    )


def _by_media_file(audio: list[str | None], ids: list[str]) -> list[int]:
    """Return row numbers in the order of ids, with all rows of a media file where its first one is."""
    order = sorted(range(len(ids)), key=lambda row: ids[row])
    first: dict[str | None, int] = {}
    for place, row in enumerate(order):
        first.setdefault(audio[row], place)
    place_of = {row: place for place, row in enumerate(order)}
    return sorted(order, key=lambda row: (audio[row] is None, first[audio[row]], place_of[row]))


def _arranged(table: pa.Table) -> pa.Table:
    """Return the columns in the order of an export, those with nothing in them left out, except the main ones."""
    columns = [name for name in table.column_names if name not in (*LEFT_OUT, DIGEST)]
    columns = [*(name for name in _FIRST if name in columns), *(name for name in columns if name not in _FIRST)]
    kept = [name for name in columns if name in _FIRST or table[name].null_count < table.num_rows]
    return table.select(kept).rename_columns(_new_names(kept)).replace_schema_metadata(None).combine_chunks()


def _new_names(names: Iterable[str]) -> list[str]:
    return [_RENAMED.get(name, name) for name in names]


def with_sound(selection: Selection) -> tuple[Selection, int]:
    """Return the rows that have sound, and the number of the others.

    Args:
        selection: the rows

    Raises:
        InputError: if no row has sound
    """
    rows = [row for row, digest in enumerate(selection.digests) if digest]
    if not rows:
        raise InputError(f"no utterance of {selection.corpus} has sound; export it as csv or hf")
    kept = replace(selection, table=selection.table.take(rows), digests=[selection.digests[row] for row in rows])
    return kept, len(selection.digests) - len(rows)
