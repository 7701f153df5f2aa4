"""Rows of an experiment, and their digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import pyarrow as pa
import pytest

from tasks.core import paths, tables
from tasks.core.config import Config
from tasks.experiments import data as experiment_data
from tasks.experiments import plan

Toy = Callable[..., Config]


@pytest.mark.parametrize("rows_at_once", [7, 36, 10_000])
def test_the_digest_is_that_of_all_rows_as_one_text(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, rows_at_once: int
) -> None:
    monkeypatch.setattr(experiment_data, "_CHUNK", rows_at_once)
    config = toy()
    weigh()
    data = experiment_data.load(plan.plan("trial", config))
    assert data.weights is not None
    columns = {name: column.tolist() for name, column in data.columns.items()}
    features = {name: [card["index_sha256"], card["values_sha256"]] for name, card in data.cards.items()}
    text = json.dumps([columns, data.target.tolist(), features, data.weights.tolist()])
    assert data.digest == hashlib.sha256(text.encode()).hexdigest()


def weigh() -> None:
    """Give the first utterance a label of voters with a weight, the second without, and the third one of raters."""
    table = tables.read_corpus(paths.utterances("toy"))
    n_rows = table.num_rows
    given = {
        "label_source": pa.array(["consensus", "consensus", "corpus"] + ["corpus"] * (n_rows - 3)),
        "weight": pa.array([0.75, None, 0.5] + [None] * (n_rows - 3), pa.float64()),
    }
    for name, column in given.items():
        table = table.set_column(table.column_names.index(name), name, column)
    tables.write(table, paths.utterances("toy"), table.schema)


def test_only_labels_of_voters_have_weights(toy: Toy) -> None:
    config = toy()
    weigh()
    data = experiment_data.load(plan.plan("trial", config))
    assert data.weights is not None
    assert data.weights.tolist() == [0.75] + [1.0] * (data.ids.size - 1)
