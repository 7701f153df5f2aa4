"""Receipts as JSON-LD, and comparisons that name the first difference."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tasks.core.errors import InputError
from tasks.on_demand.receipts import comparison, json_ld, record
from tasks.on_demand.receipts.record import Record


@pytest.fixture
def receipt() -> Record:
    """A record of one experiment behind two stages."""
    score = {"value": 0.61, "low": 0.5, "high": 0.7}
    return {
        "format": record.FORMAT,
        "created": "2026-11-30",
        "software": {"name": "undertone-ser", "version": "0.2.0", "revision": "a" * 40, "changed": []},
        "project": {"revision": "b" * 40, "changed": []},
        "platform": {"system": "Linux"},
        "packages": {"Python": "3.11.7", "numpy": "2.4.6"},
        "stages": {
            "corpus@x": {
                "inputs": {"/media/x": "1.dir"},
                "outputs": {"data/corpus/x/utterances.parquet": "2"},
                "params": {"data/code/digests.json": {"corpus@x": "c"}, "params.yaml": {"corpora.x": {"reader": "r"}}},
            },
            "experiment@e": {
                "inputs": {"data/corpus/x/utterances.parquet": "2"},
                "outputs": {"data/experiment/e/results.json": "3"},
                "params": {"params.yaml": {"experiments.e": {"seeds": [7], "model": {"c": 1.0}}}},
            },
        },
        "experiments": {
            "e": {
                "protocol": "official", "protocol_in_words": "the lists", "seeds": [7], "n": 30, "n_groups": 3,
                "confidence": 0.95, "scores": {"n": 30, "uar": score}, "baselines": {"majority": {"uar": dict(score)}},
                "weights": {"small": "d"}, "model_files": {"svm.npz": "f"},
            }
        },
        "files": {"data/experiment/e/results.json": {"sha256": "ab" * 32, "size": 12}},
    }  # fmt: skip


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_is_flat_json_ld_of_both_vocabularies(receipt: Record, tmp_path: Path) -> None:
    document = json_ld.render(receipt)
    graph = {entry["@id"]: entry for entry in document["@graph"]}
    assert len(graph) == len(document["@graph"]), "ids are unique"
    assert graph["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    assert graph["ro-crate-metadata.json"]["conformsTo"] == {"@id": json_ld.RO_CRATE}
    root = graph["./"]
    assert root["conformsTo"] == json_ld.CROISSANT
    for name in ("name", "description", "datePublished", "license", "creator", "url", "version"):
        assert root[name], name
    referenced = [
        ref["@id"] for name in ("hasPart", "distribution", "mentions", "variableMeasured") for ref in root[name]
    ]
    assert set(referenced) <= set(graph)
    assert graph["#score:e:the-recipe:uar"]["value"] == 0.61
    assert graph["#stage:experiment@e"]["object"] == [{"@id": "#data/corpus/x/utterances.parquet@2"}]
    assert json_ld.read(write(tmp_path / "r.jsonld", document)) == receipt


@pytest.mark.filterwarnings("default")
def test_readers_of_both_vocabularies_accept_it(receipt: Record, tmp_path: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
    rocrate = pytest.importorskip("rocrate.rocrate", reason="rocrate is not installed")
    path = write(tmp_path / "ro-crate-metadata.json", json_ld.render(receipt))
    assert not mlcroissant.Dataset(jsonld=str(path)).metadata.issues.errors
    file = tmp_path / "data/experiment/e/results.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    assert [entity.id for entity in rocrate.ROCrate(tmp_path).data_entities] == ["data/experiment/e/results.json"]


def test_a_changed_description_is_refused(receipt: Record, tmp_path: Path) -> None:
    document = json_ld.render(receipt)
    next(entry for entry in document["@graph"] if entry["@id"] == "#score:e:the-recipe:uar")["value"] = 0.99
    with pytest.raises(InputError, match="what it describes is not what it records: #score:e:the-recipe:uar, value"):
        json_ld.read(write(tmp_path / "r.jsonld", document))


@pytest.mark.parametrize(
    "content", [{}, [], {"@graph": [{"@id": "./"}]}, {"@graph": [{"@id": "./", "undertone:record": "x"}]}]
)
def test_other_files_are_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(InputError, match="not a receipt"):
        json_ld.read(write(tmp_path / "x.json", content))


def test_the_same_is_verified(receipt: Record) -> None:
    verdict = comparison.compare(receipt, copy.deepcopy(receipt))
    assert verdict.verified
    assert verdict.differences == ()
    assert verdict.count("score") == (6, 6)


@pytest.mark.parametrize(
    ("path", "value", "kind", "name"),
    [
        (("stages", "corpus@x", "inputs", "/media/x"), "9.dir", "input", "corpus@x: /media/x"),
        (
            ("stages", "experiment@e", "params", "params.yaml", "experiments.e", "model", "c"),
            2.0, "parameter", "experiment@e: experiments.e.model.c",
        ),
        (
            ("stages", "corpus@x", "outputs", "data/corpus/x/utterances.parquet"),
            "9", "output", "corpus@x: data/corpus/x/utterances.parquet",
        ),
        (("experiments", "e", "scores", "uar", "high"), 0.8, "score", "e: uar of the recipe"),
        (("experiments", "e", "baselines", "majority", "uar", "value"), 0.0, "score", "e: uar of majority"),
        (("experiments", "e", "weights", "small"), "0", "input", "e: weights small"),
        (("files", "data/experiment/e/results.json", "sha256"), "0", "digest", "data/experiment/e/results.json"),
    ],
)  # fmt: skip
def test_the_first_difference_is_named(
    receipt: Record, path: tuple[str, ...], value: Any, kind: str, name: str
) -> None:
    actual = copy.deepcopy(receipt)
    place = actual
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    verdict = comparison.compare(receipt, actual)
    assert not verdict.verified
    assert verdict.first is not None
    assert (verdict.first.kind, verdict.first.name) == (kind, name)


def test_other_versions_excuse_other_bytes_but_no_other_score(receipt: Record) -> None:
    actual = copy.deepcopy(receipt)
    actual["packages"]["numpy"] = "2.5.0"
    actual["files"]["data/experiment/e/results.json"]["sha256"] = "0"
    assert comparison.compare(receipt, actual).verified
    actual["experiments"]["e"]["scores"]["uar"]["value"] = 0.62
    verdict = comparison.compare(receipt, actual)
    assert not verdict.verified
    assert verdict.first is not None
    assert verdict.first.name == "e: uar of the recipe"
