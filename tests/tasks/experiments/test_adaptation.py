"""Adaptation: offsets vanish, labels of the test part are not read, one-sided clips do harm and are detected."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tasks.core import artifacts, paths, tables
from tasks.core.config import Adapt, Config
from tasks.core.errors import ConfigError
from tasks.experiments import adaptation, kept_model, plan, plan_checks
from tasks.experiments.adaptation import Speakers
from tasks.features.base import store
from tasks.models.base.estimator import Inputs
from tests.tasks.experiment_runs import run

Toy = Callable[..., Config]
CLASSES = ("anger", "happiness", "neutral")
SIZE = (6, 30)


def write_voices(offset: float = 6.0, n_features: int = 6) -> None:
    """Write features of which each speaker has an offset of his own that is larger than the classes' distances."""
    rng = np.random.default_rng(4)
    rows, offsets = [], dict[str, Any]()
    for row in tables.read_corpus(paths.utterances("toy")).to_pylist():
        of_speaker = offsets.setdefault(row["speaker"], rng.normal(scale=offset, size=n_features))
        values = rng.normal(scale=0.7, size=n_features) + of_speaker
        values[CLASSES.index(row["emotion"])] += 4
        rows.append(store.row(row["utterance_id"], values.astype(np.float32)))
    card = {"extractor": "toy", "title": "toy", "settings": {}, "gives": "vector", "step_s": None}
    store.write(paths.features("toy", "toy-voice"), [tables.from_rows(rows, store.EXTRACTED)], card)


def adapted(toy: Toy, adapt: dict[str, Any] | None = None, **recipe: Any) -> dict[str, Any]:
    config = toy(size=SIZE, protocol="speaker-out(3)", adapt=adapt or {}, **recipe)
    write_voices()
    return run(config)


def test_statistics_shrink_towards_the_training_speakers() -> None:
    inputs = Inputs(np.array(["", "", "", ""]), {"x": np.array([[0.0], [2.0], [10.0], [14.0]])})
    speakers = Speakers.of(Adapt(by="standardise", prior_clips=2), inputs, ["x"], np.array(["a", "a", "b", "b"]))
    assert speakers.means["x"].tolist() == [6.5]
    assert speakers.spreads["x"].tolist() == pytest.approx([np.sqrt((1 + 4) / 2)])
    clips = Inputs(np.array(["", ""]), {"x": np.array([[20.0], [24.0]])})
    mean, spread = (44 + 2 * 6.5) / 4, np.sqrt((8 + 2 * 2.5) / 4)
    result = speakers.adapted(clips, clips).vectors["x"]
    np.testing.assert_allclose(result, (np.array([[20.0], [24.0]]) - mean) / spread)
    again = Speakers.from_bytes(speakers.adapt, speakers.to_bytes())
    np.testing.assert_array_equal(again.adapted(clips, clips).vectors["x"], result)


def test_the_prior_is_the_variance_inside_speakers_over_that_between_them() -> None:
    rng = np.random.default_rng(3)
    names = np.repeat(np.arange(400).astype(str), 20)
    block = rng.normal(scale=3.0, size=(8000, 5)) + np.repeat(rng.normal(scale=1.5, size=(400, 5)), 20, axis=0)
    inputs = Inputs(names, {"x": block})
    assert Speakers.of(Adapt(), inputs, ["x"], names).priors["x"] == pytest.approx(4, rel=0.15)
    assert Speakers.of(Adapt(prior_clips=2), inputs, ["x"], names).priors["x"] == 2
    alike = Inputs(names, {"x": rng.normal(size=(8000, 5))})
    assert Speakers.of(Adapt(), alike, ["x"], names).priors["x"] > 100
    assert Speakers.of(Adapt(), inputs, ["x"], np.full(8000, "a")).priors["x"] == 0


def test_a_constant_feature_is_shifted_and_not_divided() -> None:
    inputs = Inputs(np.array(["", ""]), {"x": np.array([[3.0], [3.0]])})
    speakers = Speakers.of(Adapt(by="standardise", prior_clips=0), inputs, ["x"], np.array(["a", "a"]))
    assert speakers.adapted(inputs, inputs).vectors["x"].tolist() == [[0.0], [0.0]]


def test_draws_depend_on_ids_and_not_on_the_order_of_rows() -> None:
    ids = np.array([f"c/{k}" for k in range(50)])
    chosen = ids[adaptation.drawn(ids, 10, 7, 0)]
    turned = ids[::-1][adaptation.drawn(ids[::-1], 10, 7, 0)]
    assert set(chosen) == set(turned)
    assert len(set(chosen)) == 10
    assert set(chosen) != set(ids[adaptation.drawn(ids, 10, 7, 1)])
    assert adaptation.drawn(ids, "all").size == adaptation.drawn(ids, 99, 7).size == 50


def test_offsets_of_speakers_vanish_and_the_plain_score_stays_beside(toy: Toy) -> None:
    metrics = adapted(toy)
    result = metrics["adaptation"]
    plain, score = metrics["scores"]["uar"]["value"], result["scores"]["uar"]["value"]
    assert plain < 0.75
    assert score > 0.95
    assert result["gain"]["uar"]["value"] == pytest.approx(score - plain)
    assert result["protocol"] == "speaker-out(3), adapted(10)"
    assert "without labels" in result["in_words"]
    assert result["all_clips"]["uar"]["value"] > 0.95
    assert result["one_class"]["uar"]["value"] < score - 0.1
    assert [row["fold"] for row in result["folds"]] == ["fold 1 of 3", "fold 2 of 3", "fold 3 of 3"]
    assert run_without(toy)["scores"] == metrics["scores"]


def run_without(toy: Toy) -> dict[str, Any]:
    config = toy(size=SIZE, protocol="speaker-out(3)")
    write_voices()
    metrics = run(config)
    assert "adaptation" not in metrics
    assert set(pq.read_table(paths.experiment("trial") / "predictions.parquet")["variant"].to_pylist()) == {
        "recipe",
        "shuffled labels",
    }
    return metrics


@pytest.mark.parametrize("adapt", [{"clips": "all"}, {"by": "standardise"}, {"clips": 3, "draws": 2}])
def test_other_settings_help_as_well(toy: Toy, adapt: dict[str, Any]) -> None:
    metrics = adapted(toy, adapt)
    assert metrics["adaptation"]["scores"]["uar"]["value"] > metrics["scores"]["uar"]["value"] + 0.15
    variants = pq.read_table(paths.experiment("trial") / "predictions.parquet").group_by(["variant", "run"])
    n_runs = sum(row["variant"] == "adapted" for row in variants.aggregate([]).to_pylist())
    assert n_runs == (1 if adapt.get("clips") == "all" else adapt.get("draws", 5))


def predictions() -> dict[tuple[int, str], list[float]]:
    table = pq.read_table(paths.experiment("trial") / "predictions.parquet")
    rows = table.filter(pc.equal(table["variant"], "adapted")).to_pylist()
    return {(row["run"], row["utterance_id"]): [row[f"score {name}"] for name in CLASSES] for row in rows}


def test_no_label_of_the_test_part_is_used(toy: Toy) -> None:
    config = toy(size=SIZE, protocol="official", adapt={})
    write_voices()
    run(config)
    before = predictions()
    path = paths.utterances("toy")
    table = tables.read(path, tables.UTTERANCES)
    emotions, part = table["emotion"].to_pylist(), table["split"].to_pylist()
    tested = [row for row, name in enumerate(part) if name == "test"]
    turned = np.random.default_rng(1).permutation(tested).tolist()
    for row, other in zip(tested, turned, strict=True):
        emotions[row] = table["emotion"][other].as_py()
    assert emotions != table["emotion"].to_pylist()
    index = table.schema.get_field_index("emotion")
    tables.write(table.set_column(index, "emotion", pa.array(emotions)), path, tables.UTTERANCES)
    run(config)
    assert len(before) == 5 * len(tested)
    assert predictions() == before


def test_one_sided_clips_are_detected_and_mixed_ones_are_not(toy: Toy) -> None:
    # the plain model must see something of the classes: small offsets
    config = toy(size=(8, 60), protocol="speaker-out(4)", adapt={})
    write_voices(offset=1.0)
    result = run(config)["adaptation"]["one_sided"]["draws"]
    assert result["random"]["n"] == result["one class"]["n"] == 8 * 20
    assert result["random"]["share"] < 0.15
    assert result["one class"]["share"] > 0.9
    assert sum(result["drawn"]["speakers"].values()) == round(result["drawn"]["share"] * 8 * 5)


def test_the_kept_model_adapts_to_a_new_speaker(toy: Toy) -> None:
    adapted(toy)
    model = kept_model.load(paths.experiment("trial") / "model")
    card = json.loads((paths.experiment("trial") / "model" / "card.json").read_text())
    assert card["adaptation"]["name"] == "adapted(10)"
    assert card["adaptation"]["score"]["value"] > 0.95
    assert "adapted/speakers.safetensors" in card[artifacts.FILES]
    rng = np.random.default_rng(9)
    truth = np.arange(60) % 3
    values = rng.normal(scale=0.7, size=(60, 6)) + rng.normal(scale=6.0, size=6) + 4 * np.eye(6)[truth]
    inputs = Inputs(np.full(60, ""), {"toy-voice": values})
    clips = inputs.rows(np.arange(12))
    classes = np.array(model.outputs)
    tuned = model.adapted(clips)
    assert (classes[tuned.scores(inputs).argmax(axis=1)] == np.array(CLASSES)[truth]).mean() > 0.9
    assert tuned.novelty(inputs) is not None
    assert tuned.probabilities(tuned.scores(inputs)) is not None
    assert tuned.card.score.value == card["adaptation"]["score"]["value"]


def test_a_protocol_with_one_fold_keeps_the_models_of_its_training_part(toy: Toy) -> None:
    config = toy(size=SIZE, protocol="official", adapt={}, tune={"grid": {"c": [0.01, 1.0]}, "folds": 2})
    write_voices()
    metrics = run(config)
    result = metrics["adaptation"]
    assert result["calibration"]["temperature"] > 0
    assert len(result["tuned_points"]) == 1
    assert result["one_sided"]["bounds_by"] == "held-out folds of the training part"
    assert kept_model.load(paths.experiment("trial") / "model").card.adaptation is not None


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"features": ["toy-words"], "model": {"name": "tf-idf"}}, "found toy-words gives a text of text"),
        ({"target": "valence", "model": {"name": "ridge"}}, "adapt: it needs classes"),
        ({"features": ["toy-more"]}, "a vector of sound"),
    ],
)
def test_recipes_that_cannot_be_adapted_are_refused(toy: Toy, recipe: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan.plan("trial", toy(adapt={}, **recipe))


def test_a_row_without_speaker_is_refused(toy: Toy) -> None:
    config = toy(adapt={}, protocol="group-k-fold(4)")
    path = paths.utterances("toy")
    table = tables.read(path, tables.UTTERANCES)
    speakers = pa.array([None, *table["speaker"].to_pylist()[1:]], pa.string())
    tables.write(
        table.set_column(table.schema.get_field_index("speaker"), "speaker", speakers), path, tables.UTTERANCES
    )
    (line,) = plan_checks.of_corpus(plan.plan("trial", config))
    assert "1 of 72 utterances state no speaker, such as toy/s0-00" in line
