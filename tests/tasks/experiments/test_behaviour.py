"""Scores by group, and the loss without a family of features, on data whose answers are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tasks.core import paths, tables
from tasks.core.config import Config
from tasks.features.base import store
from tests.tasks.experiment_runs import run

Toy = Callable[..., Config]
CLASSES = ("anger", "happiness", "neutral")


def write(*, weak: str = "") -> None:
    """Give the speakers a sex; classes show in block toy-voice, but not for one sex, and not in toy-more."""
    path = paths.utterances("toy")
    table = tables.read_corpus(path)
    sexes = ["Female" if int(name[-1]) % 2 else "Male" for name in table["speaker"].to_pylist()]
    table = table.append_column("sex", pa.array(sexes))
    tables.write(table, path, table.schema)
    rng = np.random.default_rng(5)
    for name, strength in (("toy-voice", 4.0), ("toy-more", 0.0)):
        rows = []
        for row, sex in zip(table.to_pylist(), sexes, strict=True):
            values = rng.normal(size=6)
            values[CLASSES.index(row["emotion"])] += 0.0 if sex == weak else strength
            rows.append(store.row(row["utterance_id"], values.astype(np.float32)))
        card = {"extractor": "toy", "title": "toy", "settings": {}, "gives": "vector", "step_s": None}
        store.write(paths.features("toy", name), [tables.from_rows(rows, store.EXTRACTED)], card)


def behaviour(toy: Toy, **recipe: Any) -> dict[str, Any]:
    config = toy(**{"features": ["toy-voice"], **recipe})
    write(weak="Female")
    measured: dict[str, Any] = run(config)["behaviour"]
    return measured


def test_a_group_that_is_recognised_worse_shows(toy: Toy) -> None:
    groups = {(entry["attribute"], entry["value"]): entry for entry in behaviour(toy)["groups"]}
    male, female = groups["sex", "male"], groups["sex", "female"]
    assert male["scores"]["uar"]["value"] > 0.9 > 0.6 > female["scores"]["uar"]["value"]
    assert male["scores"]["uar"]["low"] > female["scores"]["uar"]["high"]
    assert (male["n"], male["n_groups"], male["n_classes"]) == (36, 4, 3)
    speakers = [entry for (attribute, _), entry in groups.items() if attribute == "speaker"]
    assert len(speakers) == 8
    # a single speaker's utterances are resampled
    assert all(entry["scores"]["uar"]["low"] is not None for entry in speakers)
    assert not any(attribute == "intensity" for attribute, _ in groups)


def test_only_the_block_that_shows_the_classes_is_missed(toy: Toy) -> None:
    config = toy(features=["toy-voice", "toy-words"], model={"name": "late-fusion", "branches": {
        "vector": {"name": "logistic"}, "text": {"name": "tf-idf"}}})  # fmt: skip
    write()
    assert run(config)["behaviour"]["importance"] == []
    copies = config.model_copy(update={"features": {**config.features, "toy-more": config.features["toy-voice"]}})
    recipe = toy().experiments["trial"].model_copy(update={"features": ["toy-voice", "toy-more"]})
    write()
    entries = run(copies.model_copy(update={"experiments": {"trial": recipe}}))["behaviour"]["importance"]
    assert [entry["family"] for entry in entries] == ["toy-voice", "toy-more"]
    assert entries[0]["loss"]["uar"]["value"] > 0.4
    assert entries[1]["loss"]["uar"]["value"] == pytest.approx(0, abs=0.1)
