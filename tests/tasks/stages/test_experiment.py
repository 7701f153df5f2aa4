"""A recipe from params.yaml to figures: honest, beside its baselines, the same bytes every time."""

from __future__ import annotations

import csv
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tasks.core import each, paths, tables
from tasks.core.config import Config
from tasks.core.errors import InputError, LeakError, NotEnoughData
from tasks.core.outcomes import ItemsFailed
from tasks.evaluation.scores import Bootstrap
from tasks.experiments import data as experiment_data
from tasks.experiments import fitted_model, fitting, plan
from tasks.features.base import store
from tasks.on_demand import compare_experiments
from tasks.stages import experiment
from tests.tasks.experiment_runs import run

Toy = Callable[..., Config]


def test_a_voice_that_says_the_class_is_heard(toy: Toy) -> None:
    found = run(toy())
    assert found["scores"]["uar"]["value"] > 0.9
    assert found["baselines"]["majority"]["uar"]["value"] == pytest.approx(1 / 3, abs=0.01)
    assert found["baselines"]["shuffled labels"]["uar"]["value"] < 0.6
    assert found["n"] == 72
    assert found["n_groups"] == 8
    assert len(found["folds"]) == 4
    assert found["simulated"]


def test_a_voice_that_says_nothing_is_at_chance(toy: Toy) -> None:
    found = run(toy(strength=0.0))
    assert found["scores"]["uar"]["low"] < 1 / 3 + 0.12


@pytest.mark.parametrize(
    "recipe",
    [
        {"balance": "smote"},
        {"balance": "class-weights", "scale": "none"},
        {"balance": "first-n(8)"},
        {"model": {"name": "linear-svm"}, "tune": {"grid": {"c": [0.01, 1.0]}, "folds": 3}},
        {"features": ["toy-words"], "model": {"name": "tf-idf"}},
        {"protocol": "official", "target": "sentiment"},
        {"protocol": "leave-one-speaker-out", "seeds": [1, 2]},
        {"protocol": "speaker-and-script-out(2)", "seeds": [1, 2]},
        {"protocol": "random(3)", "first_per_class": 10},
    ],
    ids=str,
)
def test_recipes_of_all_kinds(toy: Toy, recipe: dict[str, Any]) -> None:
    found = run(toy(**recipe))
    assert found["scores"]["uar"]["value"] > 0.8
    assert found["leaky"] == (recipe.get("protocol") == "random(3)")
    if "first_per_class" in recipe:
        assert found["left_out"] == {"beyond the first of its class": 42}
    if "tune" in recipe:
        assert {one["c"] for one in found["tuned"]} <= {0.01, 1.0}
    predictions = pq.read_table(paths.experiment("trial") / "predictions.parquet").to_pylist()
    mine = [row for row in predictions if row["variant"] == "recipe"]
    assert len(mine) == found["n"] * len(recipe.get("seeds", [7]))
    assert sum(one["n_test"] for one in found["folds"]) == len(mine)


def test_text_and_sound_alone_stand_beside_both(toy: Toy) -> None:
    found = run(toy(features=["toy-voice", "toy-more"], model={"name": "logistic"}))
    assert list(found["baselines"]) == ["majority", "shuffled labels", "sound only", "text only"]


def test_several_emotions_at_once(toy: Toy) -> None:
    found = run(toy(reader="mosei", extra=True, target="emotions", protocol="group-k-fold(4)"))
    assert found["scores"]["micro_f1"]["value"] > 0.8
    assert found["outputs"][0] == "happiness"
    happiness = found["scores"]["per_label"]["happiness"]
    assert min(happiness[name] for name in ("precision", "recall", "f1")) > 0.7
    assert happiness["support"] == pytest.approx(happiness["share_positive"] * found["n"])
    plotted = (paths.experiment("trial") / "per_class.csv").read_text()
    assert {f"happiness,{name}" for name in ("precision", "recall", "F1")} <= {
        line.rsplit(",", 1)[0] for line in plotted.splitlines()
    }


def test_values(toy: Toy) -> None:
    target = {"target": "sentiment_intensity", "protocol": "group-k-fold(4)", "model": {"name": "ridge"}}
    found = run(toy(reader="mosei", extra=True, **target))
    assert found["scores"]["correlation"]["value"] > 0.8
    assert found["baselines"]["majority"]["mae"]["value"] > found["scores"]["mae"]["value"]


INTENSITIES: dict[str, Any] = {
    "reader": "mosei", "extra": True, "target": "intensities", "protocol": "group-k-fold(4)",
    "model": {"name": "ridge"},
}  # fmt: skip
SIX = ["happiness", "sadness", "anger", "surprise", "disgust", "fear"]


def test_six_intensities_at_once(toy: Toy) -> None:
    found = run(toy(**INTENSITIES, tune={"grid": {"alpha": [0.1, 10.0]}, "folds": 2, "by": "mse"}))
    assert (found["task"], found["outputs"], found["measure"]) == ("values", SIX, "mse")
    scores, mean = found["scores"], found["baselines"]["majority"]
    for name in ("happiness", "sadness", "anger"):
        assert scores["per_value"][name]["correlation"]["value"] > 0.8
    # the other three are 0 in every row
    assert scores["per_value"]["fear"]["mse"]["value"] == pytest.approx(0.0, abs=1e-9)
    for part in (scores, mean, found["baselines"]["shuffled labels"]):
        assert {"mse", "mae", "correlation", "micro_f1_03", "micro_f1_05", "macro_f1_03", "macro_f1_05"} <= set(part)
    # means of 1/3, 2/3 and 1/3: their squared errors are their variances
    assert mean["mse"]["value"] == pytest.approx(3 * (2 / 9) / 6)
    assert scores["mse"]["high"] < mean["mse"]["value"]
    rows = pq.read_table(paths.experiment("trial") / "predictions.parquet").to_pylist()
    mine = [row for row in rows if row["variant"] == "recipe"]
    assert [name for name in mine[0] if name.startswith("actual ")] == [f"actual {name}" for name in SIX]
    errors = [(row["actual anger"] - row["score anger"]) ** 2 for row in mine]
    assert scores["per_value"]["anger"]["mse"]["value"] == pytest.approx(np.mean(errors))
    called = sum(row["score anger"] > 0.3 and row["actual anger"] > 0 for row in mine)
    assert scores["per_label_above"]["0.3"]["anger"]["recall"] == pytest.approx(called / 24)


def test_plots_of_dvc_have_every_emotion_and_threshold(toy: Toy) -> None:
    found = run(toy(**INTENSITIES))
    bars = {(row["class"], row["measure"]): float(row["value"]) for row in csv_rows("per_class.csv")}
    assert len(bars) == 6 * 3 * 2
    assert bars["anger", "F1 at 0.5"] == round(found["scores"]["per_label_above"]["0.5"]["anger"]["f1"], 4)
    pairs = csv_rows("confusion.csv")
    for name in SIX:
        of_emotion = [row for row in pairs if row["actual"].startswith(f"{name} ")]
        assert sum(int(row["n"]) for row in of_emotion) == found["n"]
        assert all(row["predicted"].startswith(f"{name} ") for row in of_emotion)


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_an_utterance_without_all_six_ratings_is_left_out(toy: Toy, missing: float | None) -> None:
    config = toy(**INTENSITIES)
    path = paths.utterances("toy")
    table = tables.read_corpus(path)
    ratings = [missing, *table["fear_intensity"].to_pylist()[1:]]
    where = table.schema.get_field_index("fear_intensity")
    tables.write(table.set_column(where, table.schema.field(where), [ratings]), path, table.schema)
    found = run(config)
    assert found["n"] == 71
    assert found["left_out"] == {"an emotion without a rating": 1}


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        (INTENSITIES, {"mse", "correlation"}),
        ({}, {"uar", "macro_f1"}),
        ({"reader": "mosei", "extra": True, "target": "emotions"}, {"macro_f1", "micro_f1"}),
        (
            {"reader": "mosei", "extra": True, "target": "sentiment_intensity", "model": {"name": "ridge"}},
            {"mae", "correlation"},
        ),
    ],
)
def test_metrics_of_dvc_are_few_and_those_of_the_results(toy: Toy, settings: dict[str, Any], names: set[str]) -> None:
    found = run(toy(**{"protocol": "group-k-fold(4)", **settings}))
    few = json.loads((paths.experiment("trial") / "metrics.json").read_text())
    assert few.keys() == names | {"low", "high", "base", "n"}
    scored = found["scores"][found["measure"]]
    assert (few["low"], few[found["measure"]]) == (round(scored["low"], 4), round(scored["value"], 4))
    assert few["base"] == round(found["baselines"]["majority"][found["measure"]]["value"], 4)
    assert few["n"] == found["n"]


def csv_rows(name: str) -> list[dict[str, str]]:
    with (paths.experiment("trial") / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_plots_of_dvc_have_the_rows_of_the_results(toy: Toy) -> None:
    found = run(toy())
    pairs = csv_rows("confusion.csv")
    n_classes = len(found["outputs"])
    cells = [int(row["n"]) for row in pairs]
    assert [cells[k * n_classes : (k + 1) * n_classes] for k in range(n_classes)] == found["scores"]["confusion"]
    assert [row["actual"] for row in pairs[::n_classes]] == found["outputs"]
    scores = csv_rows("per_class.csv")
    assert len(scores) == 3 * n_classes
    assert float(scores[0]["value"]) == round(found["scores"]["per_class"][scores[0]["class"]]["precision"], 4)


def test_the_same_seed_gives_the_same_bytes_whatever_the_workers(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    config = toy(tune={"grid": {"c": [0.1, 1.0]}, "folds": 3})
    run(config)
    names = ("results.json", "predictions.parquet", "confusion.csv", "curves.parquet", "audit.json", "plot_data.json")
    first = {name: (paths.experiment("trial") / name).read_bytes() for name in names}
    model = {
        path.name: path.read_bytes() for path in (paths.experiment("trial") / "model").rglob("*") if path.is_file()
    }
    monkeypatch.setattr(paths, "MEMO", Path("elsewhere"))
    run(config, workers=2)
    assert first == {name: (paths.experiment("trial") / name).read_bytes() for name in names}
    again = {
        path.name: path.read_bytes() for path in (paths.experiment("trial") / "model").rglob("*") if path.is_file()
    }
    assert again == model


def test_what_was_fitted_is_remembered(toy: Toy) -> None:
    config = toy()
    run(config)
    tally = each.Tally()
    alone = config.runtime.model_copy(update={"workers": 1, "progress": "never"})
    more = config.experiments["trial"].model_copy(update={"seeds": [7, 8], "note": "one more seed"})
    config = config.model_copy(update={"experiments": {"trial": more}})
    experiment.run(config, "trial", each=tally.of(each.local(alone)))
    known = "the first seed's 4 fits, its 4 shuffled ones and the final one, and the map"
    assert tally.items - tally.done == 10, known


def test_a_killed_run_goes_on_where_it_was(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    config = toy()
    whole = run(config)
    monkeypatch.setattr(paths, "MEMO", Path("elsewhere"))
    original, calls = fitting.train, []

    def dies(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    monkeypatch.setattr(fitting, "train", dies)
    with pytest.raises(KeyboardInterrupt):
        run(config)
    monkeypatch.setattr(fitting, "train", original)
    assert run(config) == whole


def test_a_bug_in_tuning_leaves_the_other_fits_done(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    config = toy(tune={"grid": {"c": [0.1, 1.0]}, "folds": 3})
    whole = run(config)
    monkeypatch.setattr(paths, "MEMO", Path("elsewhere"))
    original = fitting.tune_one

    @functools.wraps(original)
    def with_bug(item: Any, settings: Any) -> Any:
        if (item.fold, item.point, item.variant) == (1, 1, "recipe"):
            raise FloatingPointError("overflow")
        return original(item, settings)

    alone = config.runtime.model_copy(update={"workers": 1, "progress": "never"})
    tally = each.Tally()
    with monkeypatch.context() as patch:
        patch.setattr(fitting, "tune_one", with_bug)
        with pytest.raises(
            ItemsFailed, match=r"^trial, fold 2, seed \d+, point 2 of 2: FloatingPointError: overflow\n"
        ):
            experiment.run(config, "trial", each=tally.of(each.local(alone)))
    n_done = tally.done
    tally = each.Tally()
    experiment.run(config, "trial", each=tally.of(each.local(alone)))
    assert tally.items - tally.done == n_done - 1, "all but that trial are cached, the fits of other folds too"
    assert run(config) == whole


def test_the_kept_model_predicts_as_it_did(toy: Toy) -> None:
    config = toy(protocol="official", features=["toy-voice", "toy-more"])
    run(config)
    folder = paths.experiment("trial") / "model"
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    made = plan.plan("trial", config)
    data = experiment_data.load(made)
    loaded = fitted_model.load(made, {name: content for name, content in files.items() if name != "card.json"})
    test = np.flatnonzero(data.columns["split"] == "test")
    predictions = pq.read_table(paths.experiment("trial") / "predictions.parquet").to_pylist()
    mine = np.array(
        [[row[f"score {one}"] for one in data.outputs] for row in predictions if row["variant"] == "recipe"]
    )
    assert loaded.scores(data.inputs.rows(test)) == pytest.approx(mine)


def test_a_leak_stops_the_run_before_anything_is_fitted(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    config = toy(protocol="speaker-out(4)")
    table = tables.read_corpus(paths.utterances("toy"))
    rows = table.to_pylist()
    speakers = [row["speaker"] for row in rows]
    features = store.read(paths.features("toy", "toy-voice"))
    values = np.array(features.vectors(store.positions(features, [row["utterance_id"] for row in rows])))
    for one in set(speakers):
        mine = [k for k, speaker in enumerate(speakers) if speaker == one]
        values[mine] -= values[mine].mean(axis=0)
    found = [store.row(row["utterance_id"], value) for row, value in zip(rows, values, strict=True)]
    batches = [tables.from_rows(found, store.EXTRACTED)]
    store.write(paths.features("toy", "toy-voice"), batches, features.card)
    monkeypatch.setattr(fitting, "train", lambda *_, **__: pytest.fail("fitted all the same"))
    with pytest.raises(LeakError, match="speaker statistics"):
        run(config)
    assert not paths.experiment("trial").exists()


def test_a_protocol_that_the_rows_cannot_bear(toy: Toy) -> None:
    with pytest.raises(NotEnoughData, match="needs 20 speakers or more"):
        run(toy(protocol="speaker-out(20)"))


def test_features_that_no_utterance_has(toy: Toy) -> None:
    config = toy()
    store.write(paths.features("toy", "toy-voice"), [], {"extractor": "x", "title": "x", "settings": {}})
    with pytest.raises(NotEnoughData, match="no utterance of toy can be used: 72 no features"):
        run(config)


def test_unknown_experiment(toy: Toy) -> None:
    with pytest.raises(InputError, match="no experiment 'other'; it has trial"):
        run(toy(), "other")


def test_two_experiments_are_compared_on_the_same_utterances(toy: Toy) -> None:
    config = toy()
    good = config.experiments["trial"]
    config = config.model_copy(update={"experiments": {"trial": good, "noise": good}})
    run(config)
    rows = tables.read_corpus(paths.utterances("toy")).to_pylist()
    rng = np.random.default_rng(1)
    found = [store.row(row["utterance_id"], rng.normal(size=6)) for row in rows]
    card = store.card(paths.features("toy", "toy-voice"))
    batches = [tables.from_rows(found, store.EXTRACTED)]
    store.write(paths.features("toy", "toy-voice"), batches, card)
    run(config, "noise")
    made = compare_experiments.compare("noise", "trial", Bootstrap(500, 0.95, 1))
    uar = next(one for one in made.differences if one.name == "uar")
    assert uar.low > 0.3
    assert made.p < 1e-6
    assert made.only_b > made.only_a
    same = compare_experiments.compare("trial", "trial", Bootstrap(500, 0.95, 1))
    assert (same.only_a, same.only_b, same.p) == (0, 0, 1.0)
    with pytest.raises(InputError, match="experiment run other"):
        compare_experiments.compare("trial", "other", Bootstrap(500, 0.95, 1))
