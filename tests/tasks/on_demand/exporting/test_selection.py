"""What is exported: corpora, experiments and their runs, the label, the order of rows, and columns that stay behind."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest

from tasks.core import paths, tables
from tasks.core.errors import InputError, TableError
from tasks.on_demand.exporting import selection
from tasks.on_demand.exporting.selection import ExportRequest
from tests.tasks.on_demand.exporting import conftest
from tests.tasks.on_demand.exporting.conftest import Toy


def select(toy: Toy, name: str = "toy", **request: object) -> selection.Selection:
    return selection.select(ExportRequest(name, **request), toy.config)  # type: ignore[arg-type]


def test_voices_stay_behind(toy: Toy) -> None:
    assert not {"voice", "audio_sha256", "samples_sha256"} & set(select(toy).table.column_names)


def test_the_main_columns_are_always_there(toy: Toy) -> None:
    for row in toy.rows:
        row |= {"weight": None, "speaker": None, "text": None}
    conftest._write(toy)
    assert {"weight", "speaker", "text", "label", "split", "duration_s"} <= set(select(toy).table.column_names)


def test_rows_of_a_media_file_are_adjacent(toy: Toy) -> None:
    files = select(toy).table["source_audio"].to_pylist()
    assert files[-1] is None
    changes = sum(a != b for a, b in pairwise(files))
    assert changes == len(set(files)) - 1


def test_another_label(toy: Toy) -> None:
    chosen = select(toy, label="sentiment")
    assert (chosen.target, chosen.classes) == ("sentiment", ("negative",))
    numeric = select(toy, label="age")
    assert (numeric.classes, sorted(numeric.table["label"].drop_null().to_pylist())) == ((), [31, 33, 35, 37])
    with pytest.raises(InputError, match="corpus toy has no column 'mood'; it has utterance_id"):
        select(toy, label="mood")


def test_a_corpus_without_labels(toy: Toy, tmp_path: Path) -> None:
    for row in toy.rows:
        row |= {"emotion": None, "sentiment": None}
    conftest._write(toy)
    assert select(toy).target is None
    for name in ("hf", "audformat", "kaldi", "csv", "croissant"):
        toy.export(name, tmp_path / name)
    with pytest.raises(InputError, match="toy has no column for a single label; choose one: --label COLUMN"):
        select(toy, labelled=True)


def test_names_of_corpora_and_experiments(toy: Toy, predicted: Callable[..., None]) -> None:
    predicted()
    with pytest.raises(InputError, match=r"no corpus or experiment 'toi'; its corpora are toy, its experiments guess"):
        select(toy, "toi")
    assert select(toy, "corpus@toy").experiment is None
    assert select(toy, "experiment@guess").experiment == "guess"
    toy.config = toy.config.model_copy(update={"experiments": {"toy": toy.config.experiments["guess"]}})
    with pytest.raises(InputError, match="expected corpus@toy or experiment@toy"):
        select(toy, "toy")


def test_runs_of_an_experiment(toy: Toy, predicted: Callable[..., None]) -> None:
    predicted()
    assert set(select(toy, "guess").table["predicted"].to_pylist()) == {"anger"}
    second = select(toy, "guess", run=1)
    assert set(second.table["predicted"].to_pylist()) == {"joy"}
    assert second.classes == ("anger", "fear", "joy")
    with pytest.raises(InputError, match="guess has no run 2; its runs are 0, 1"):
        select(toy, "guess", run=2)
    with pytest.raises(InputError, match="--label is for corpora"):
        select(toy, "guess", label="emotion")


def test_columns_that_have_the_name_of_an_added_one(toy: Toy, tmp_path: Path) -> None:
    schema = tables.utterances(pa.schema([("file", pa.string()), ("spk", pa.string()), ("label", pa.string())]))
    rows = [{**row, "file": "f", "spk": "s"} for row in toy.rows]
    tables.write(tables.from_rows(rows, schema).select(schema.names), paths.utterances("toy"), schema)
    names = select(toy).table.column_names
    assert {"corpus_file", "corpus_spk", "corpus_label", "label"} <= set(names)
    assert not {"file", "spk"} & set(names)
    for name in ("audformat", "kaldi", "csv"):
        toy.export(name, tmp_path / name)


def test_a_run_of_a_corpus(toy: Toy) -> None:
    with pytest.raises(InputError, match="--run is for experiments, and toy is a corpus"):
        select(toy, run=1)


def test_predictions_of_rows_that_are_gone(toy: Toy, predicted: Callable[..., None]) -> None:
    predicted()
    del toy.rows[0]
    conftest._write(toy)
    with pytest.raises(TableError, match="1 of 4 utterances are not in the corpus's table any more"):
        select(toy, "guess")


def test_changed_media(toy: Toy, tmp_path: Path) -> None:
    import numpy as np
    import soundfile

    soundfile.write("media/file 1.wav", np.zeros(32_000, dtype=np.int16), 16_000)
    with pytest.raises(TableError, match=r"file 1\.wav: the sound of toy/a is not what the corpus was read from"):
        toy.export("csv", tmp_path / "out")


def test_a_stage_that_has_not_run(toy: Toy) -> None:
    Path("data/corpus/toy/utterances.parquet").unlink()
    with pytest.raises(TableError, match="there is no such file yet"):
        select(toy)
