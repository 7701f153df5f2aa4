"""Labels by sex, intensity and age, on rows and on simulated corpora, whose distributions are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.core import tables
from tasks.corpora.doctor.distributions import by_attribute
from tasks.corpora.readers import registry
from tasks.on_demand import simulated_corpora

ACTED = ("neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise")
SEVEN = [name for name in ACTED if name != "calm"]
GERMAN = [name for name in (*SEVEN, "boredom") if name != "surprise"]


def row(emotion: str | None, sentiment: str | None = None, **columns: Any) -> dict[str, Any]:
    return {"emotion": emotion, "sentiment": sentiment, **columns}


def test_values_are_in_order_and_those_not_stated_are_last() -> None:
    rows = [
        row("anger", sex="Male", level="high", age=29), row("anger", sex="female", level="low", age=30),
        row(None, "negative", sex=None, level="medium", age=None), row(None, sex="male", level="unspecified", age=9),
    ]  # fmt: skip
    counts = by_attribute(rows)
    assert {name: list(values) for name, values in counts.items()} == {
        "sex": ["female", "male", "not stated"],
        "intensity": ["unspecified", "low", "medium", "high"],
        "age": ["0 to 9", "20 to 29", "30 to 39", "not stated"],
    }
    assert counts["sex"] == {"female": {"anger": 1}, "male": {"anger": 1, "": 1}, "not stated": {"negative": 1}}


def test_a_corpus_without_any() -> None:
    assert by_attribute([row("anger"), row("fear", sex=None)]) == {}


SIMULATED: dict[str, dict[str, dict[str, dict[str, int]]]] = {
    # four actors, two of each sex; neutral is spoken in one intensity
    "ravdess": {
        "sex": {sex: {name: 8 if name == "neutral" else 16 for name in ACTED} for sex in ("female", "male")},
        "intensity": {
            "normal": dict.fromkeys(ACTED, 16),
            "strong": dict.fromkeys([name for name in ACTED if name != "neutral"], 16),
        },
    },
    "tess": {
        "sex": {"female": dict.fromkeys(SEVEN, 12)},
        "age": {group: dict.fromkeys(SEVEN, 6) for group in ("20 to 29", "60 to 69")},
    },
    "savee": {"sex": {"male": dict.fromkeys(SEVEN, 8)}},
    # speakers 03 (31), 08 (34), 09 (21) and 10 (32)
    "emodb": {
        "sex": {sex: dict.fromkeys(GERMAN, 4) for sex in ("female", "male")},
        "age": {group: dict.fromkeys(GERMAN, n) for group, n in {"20 to 29": 2, "30 to 39": 6}.items()},
    },
    "mosei": {}, "meld": {}, "aesdd": {}, "smile": {},
}  # fmt: skip


@pytest.mark.parametrize("name", SIMULATED)
def test_simulated_corpora_have_known_distributions(name: str, tmp_path: Path) -> None:
    simulated_corpora.make(name, tmp_path / name)
    corpus = registry.corpus(name)
    table = tables.from_rows(corpus.read(tmp_path / name).rows, corpus.schema)
    assert by_attribute(table.to_pylist()) == SIMULATED[name]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "crema-d",
            {"sex": {"female": 36, "male": 36}, "intensity": {"unspecified": 72},
             "age": {"20 to 29": 24, "30 to 39": 12, "40 to 49": 24, "50 to 59": 12}},
        ),
        ("iemocap", {"sex": {"female": 60, "male": 45}}),
    ],
)  # fmt: skip
def test_sizes_of_groups_in_corpora_with_uneven_labels(
    name: str, expected: dict[str, dict[str, int]], tmp_path: Path
) -> None:
    simulated_corpora.make(name, tmp_path / name)
    corpus = registry.corpus(name)
    table = tables.from_rows(corpus.read(tmp_path / name).rows, corpus.schema)
    counts = by_attribute(table.to_pylist())
    sizes = {
        attribute: {value: sum(labels.values()) for value, labels in values.items()}
        for attribute, values in counts.items()
    }
    assert sizes == expected
    # features are extracted from a table that these columns do not touch
    without = table.drop_columns([column for column in ("sex", "age", "level") if column in table.column_names])
    assert tables.unlabelled(table) == tables.unlabelled(without)
