"""Folder of the kept model: complete, bound by digests, and the same for any number of workers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core import artifacts, paths, tables
from tasks.core.config import Config
from tasks.experiments import data as experiment_data
from tasks.experiments import novelty, plan
from tests.tasks.experiment_runs import run

Toy = Callable[..., Config]
MODEL = Path("data/experiment/trial/model")


def card() -> dict[str, Any]:
    return artifacts.read_json(MODEL / "card.json")


def with_media(table: Path, schema: Any) -> dict[str, str]:
    """Write measurements of every utterance's media; return each one's digest."""
    ids = tables.read_corpus(paths.utterances("toy"))["utterance_id"].to_pylist()
    digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in ids}
    rows = [{"utterance_id": name, "sha256": digest} for name, digest in digests.items()]
    tables.write(tables.from_rows(rows, schema), table, schema)
    return digests


def test_everything_that_applying_it_needs(toy: Toy) -> None:
    branches = {"vector": {"name": "logistic"}, "sequence": {"name": "bilstm", "epochs": 1}}
    model = {"name": "late-fusion", "branches": branches}
    figures = run(toy(protocol="official", features=["toy-voice", "toy-steps"], model=model))
    contents = card()
    same = ("experiment", "task", "target", "corpus", "reader", "measure", "protocol", "protocol_in_words", "leaky",
            "simulated", "versions", "recipe_sha256")  # fmt: skip
    assert {name: contents[name] for name in same} == {name: figures[name] for name in same}
    assert contents["recipe"]["features"] == ["toy-voice", "toy-steps"]
    assert contents["outputs"] == figures["outputs"]
    assert [entry["name"] for entry in contents["feature_sets"]] == ["toy-voice", "toy-steps"]
    assert contents["feature_sets"][1] == {
        "name": "toy-steps", "extractor": "token-states", "settings": {}, "reads": "text", "gives": "sequence",
        "names": None, "step_s": None,
    }  # fmt: skip
    assert contents["calibration"] == {"temperature": figures["calibration"]["temperature"]}
    assert contents["score"] == figures["scores"]["uar"]
    assert contents["baselines"]["majority"] == figures["baselines"]["majority"]["uar"]
    assert contents["beats_baselines"]
    assert contents["novelty"]["blocks"] == ["toy-voice", "toy-steps"]
    assert contents["languages"] == ["en"]


def test_every_file_is_covered(toy: Toy) -> None:
    run(toy(protocol="official"))
    files = {str(path.relative_to(MODEL)): path for path in MODEL.rglob("*") if path.is_file()}
    assert {"training_media.json", "novelty.safetensors", "scale/toy-voice.safetensors"} < set(files)
    for name, path in files.items():
        if name != "card.json":
            assert card()["files_sha256"][name] == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(("strength", "beats"), [(3.0, True), (0.0, False)])
def test_whether_it_is_better_than_chance(toy: Toy, strength: float, beats: bool) -> None:
    run(toy(strength=strength))
    assert card()["beats_baselines"] is beats


def test_an_error_is_better_if_it_is_lower(toy: Toy) -> None:
    run(toy(reader="mosei", extra=True, target="sentiment_intensity", protocol="group-k-fold(4)",
            model={"name": "ridge"}))  # fmt: skip
    assert (card()["measure"], card()["beats_baselines"], card()["calibration"]) == ("mae", True, None)


@pytest.mark.parametrize(("protocol", "parts"), [("official", {"train"}), ("speaker-out(4)", {"train", "dev", "test"})])
def test_media_of_the_rows_it_was_trained_on(toy: Toy, protocol: str, parts: set[str]) -> None:
    config = toy(protocol=protocol)
    digests = with_media(paths.sounds("toy"), tables.SOUNDS)
    run(config)
    rows = tables.read_corpus(paths.utterances("toy")).select(["utterance_id", "split"]).to_pylist()
    trained = sorted(digests[row["utterance_id"]][:16] for row in rows if row["split"] in parts)
    assert json.loads((MODEL / "training_media.json").read_text()) == trained


def test_novelty_is_measured_on_the_rows_it_was_trained_on(toy: Toy) -> None:
    config = toy(protocol="official")
    run(config)
    data = experiment_data.load(plan.plan("trial", config))
    training = data.inputs.rows(np.flatnonzero(data.columns["split"] == "train"))
    kept = novelty.from_bytes((MODEL / "novelty.safetensors").read_bytes())
    assert card()["novelty"]["bound"] == novelty.bound(kept.novelty(training))


def test_a_model_of_texts_has_no_novelty(toy: Toy) -> None:
    run(toy(features=["toy-words"], model={"name": "tf-idf"}))
    assert card()["novelty"] is None
    assert not (MODEL / "novelty.safetensors").exists()
