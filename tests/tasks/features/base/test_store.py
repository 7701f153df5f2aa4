"""Features on disk: written and read back, readable by safetensors itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tasks.core import tables
from tasks.core.errors import InputError, TableError
from tasks.features.base import store


def batch(values: dict[str, object]) -> pa.Table:
    rows = [store.row(utterance_id, value) for utterance_id, value in values.items()]  # type: ignore[arg-type]
    return tables.from_rows(rows, store.EXTRACTED)


def test_vectors_come_back_by_id(tmp_path: Path) -> None:
    values = {f"c/{k:02d}": np.arange(4, dtype=np.float32) + k for k in (3, 1, 2, 0)}
    store.write(tmp_path, [batch({k: values[k]}) for k in values], {"gives": "vector"})
    features = store.read(tmp_path)
    assert features.ids == ["c/00", "c/01", "c/02", "c/03"]
    place = store.positions(features, ["c/02", "c/xx", "c/00"])
    assert place.tolist() == [2, -1, 0]
    assert features.vectors(place[[0, 2]]).tolist() == [values["c/02"].tolist(), values["c/00"].tolist()]


def test_sequences_are_read_on_access(tmp_path: Path) -> None:
    values = {"c/a": np.ones((3, 2), np.float32), "c/b": np.full((5, 2), 2.0, np.float32)}
    store.write(tmp_path, [batch(values)], {"gives": "sequence"})
    sequences = store.read(tmp_path).sequences(np.array([1, 0]))
    assert [sequences[k].shape for k in range(2)] == [(5, 2), (3, 2)]
    assert isinstance(sequences.steps, np.memmap)


def test_the_file_is_a_safetensors_file(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    store.write(tmp_path, [batch({"c/a": np.arange(6, dtype=np.float32).reshape(3, 2)})], {})
    assert load_file(tmp_path / "values.safetensors")["values"].tolist() == [[0, 1], [2, 3], [4, 5]]


def test_texts_need_no_numbers(tmp_path: Path) -> None:
    store.write(tmp_path, [batch({"c/a": "hello", "c/b": ""})], {"gives": "text"})
    assert store.read(tmp_path).texts(np.array([1, 0])).tolist() == ["", "hello"]


def test_the_same_features_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        store.write(tmp_path / name, [batch({"c/a": np.ones(3, np.float32)})], {"k": 1})
    for name in ("index.parquet", "values.safetensors", "card.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize("value", [np.array([1.0, np.nan]), np.zeros((0, 3)), np.zeros((2, 2, 2))])
def test_invalid_values_are_rejected(value: np.ndarray) -> None:
    with pytest.raises(ValueError, match="c/a"):
        store.row("c/a", value)


def test_different_numbers_of_features_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="c/b: 3 features, others 2"):
        store.write(tmp_path, [batch({"c/a": np.ones(2, np.float32), "c/b": np.ones(3, np.float32)})], {})
    assert not list(tmp_path.iterdir())


def test_a_truncated_file_is_reported(tmp_path: Path) -> None:
    store.write(tmp_path, [batch({"c/a": np.ones(3, np.float32)})], {})
    path = tmp_path / "values.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(TableError, match="expected 140 bytes"):
        store.read(tmp_path)
    with pytest.raises(InputError, match="no features here yet"):
        store.read(tmp_path / "nowhere")
