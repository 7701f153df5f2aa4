"""The price of a leak: both sides on the same utterances, an honest interval, and no price where there is no leak."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core import config, each, paths, tables
from tasks.core.config import Config, Extraction
from tasks.core.errors import InputError, LeakError
from tasks.experiments import recipe_book
from tasks.features.base import store
from tasks.on_demand import leak_price
from tasks.pages.experiment import price_page
from tasks.stages import corpus, extract
from tests.tasks.experiment_runs import run

Toy = Callable[..., Config]


def price(chosen: Config, name: str = "trial", tally: each.Tally | None = None, **more: Any) -> dict[str, Any]:
    alone = each.local(chosen.runtime.model_copy(update={"workers": 1, "progress": "never"}))
    return leak_price.price(name, chosen, each=tally.of(alone) if tally else alone, **more)


def write_habits(habit: bool) -> None:
    """Write features that state the class in the same way for all speakers, or each speaker's in columns of its own."""
    rng = np.random.default_rng(3)
    rows = []
    for row in tables.read_corpus(paths.utterances("toy")).to_pylist():
        emotion, speaker = ("anger", "happiness", "neutral").index(row["emotion"]), int(row["speaker"][-1])
        values = rng.normal(scale=0.3, size=27).astype(np.float32)
        values[3 * (speaker + 1) * habit + emotion] += 3
        rows.append(store.row(row["utterance_id"], values))
    card = {"extractor": "toy", "title": "toy", "settings": {}, "gives": "vector", "step_s": None}
    store.write(paths.features("toy", "toy-voice"), [tables.from_rows(rows, store.EXTRACTED)], card)


def test_habits_of_speakers_have_a_price(toy: Toy) -> None:
    chosen = toy(size=(8, 15))
    write_habits(True)
    result = price(chosen)
    assert (result["n"], result["n_groups"], result["outputs"]) == (120, 8, ["anger", "happiness", "neutral"])
    assert result["honest"]["protocol"] == "speaker-out(4)"
    assert result["leaky"]["protocol"] == "random(4)"
    assert result["leaky"]["protocol_in_words"].startswith("LEAKY")
    honest, leaky, difference = (
        entry["uar"] for entry in (result["honest"]["scores"], result["leaky"]["scores"], result["difference"])
    )
    assert honest["value"] < 0.6
    assert leaky["value"] > 0.9
    assert difference["value"] == pytest.approx(leaky["value"] - honest["value"])
    assert 0 < difference["low"] < difference["value"] < difference["high"]
    for side in ("honest", "leaky"):
        assert result[side]["n_train"] == 90
        assert result[side]["baselines"]["majority"]["uar"]["value"] == pytest.approx(1 / 3)
        assert result[side]["baselines"]["shuffled labels"]["uar"]["value"] < 0.6
    assert "make the recipe look better than it is" in price_page.sentence(result)
    assert result["simulated"] is True
    assert json.loads(json.dumps(result)) == result


def test_no_habits_no_price(toy: Toy) -> None:
    chosen = toy(size=(8, 15))
    write_habits(False)
    result = price(chosen)
    assert result["honest"]["scores"]["uar"]["value"] > 0.9
    assert result["difference"]["uar"]["low"] <= 0.02
    assert "the interval contains 0" in price_page.sentence(result)


def test_the_honest_side_is_the_experiment_and_its_fits_are_reused(toy: Toy) -> None:
    chosen = toy(strength=1.0, seeds=[1, 2], tune={"grid": {"c": [0.1, 1.0]}, "folds": 2})
    metrics = run(chosen)
    tally = each.Tally()
    result = price(chosen, tally=tally)
    headline = {name: metrics["scores"][name] for name in ("accuracy", "uar", "macro_f1", "weighted_f1")}
    assert result["honest"]["scores"] == headline
    assert result["honest"]["baselines"] == {
        name: metrics["baselines"][name] for name in ("majority", "shuffled labels")
    }
    # each of 2 seeds and 4 folds: two points of the grid, the recipe, shuffled labels
    assert tally.items == 2 * 2 * 4 * 4
    assert tally.done == tally.items / 2, "only random folds are new"


def test_only_utterances_that_both_sides_test_are_compared(toy: Toy) -> None:
    result = price(toy(protocol="official"))
    assert result["leaky"]["protocol"] == "random(2)"
    assert (result["n"], result["n_groups"]) == (18, 2)
    assert (result["honest"]["n_train"], result["leaky"]["n_train"]) == (45, 36)


def test_folds_are_pooled_where_the_experiment_averages_them(toy: Toy) -> None:
    chosen = toy(strength=1.0, protocol="leave-one-speaker-out")
    result = price(chosen)
    assert result["leaky"]["protocol"] == "random(8)"
    assert result["difference"]["uar"]["value"] == pytest.approx(
        result["leaky"]["scores"]["uar"]["value"] - result["honest"]["scores"]["uar"]["value"]
    )


@pytest.mark.parametrize(
    ("target", "model", "measure"),
    [
        ("emotions", "logistic", "macro_f1"),
        ("sentiment_intensity", "ridge", "mae"),
        ("intensities", "ridge", "mse"),
    ],
)
def test_labels_and_values(toy: Toy, target: str, model: str, measure: str) -> None:
    recipe = {"target": target, "protocol": "group-k-fold(4)", "model": {"name": model}}
    result = price(toy(reader="mosei", extra=True, strength=1.0, **recipe))
    leaky, honest = (result[side]["scores"][measure] for side in ("leaky", "honest"))
    difference = result["difference"][measure]
    first = price_page.rows(result)[0]
    assert difference["value"] == pytest.approx(leaky["value"] - honest["value"])
    assert difference["low"] <= difference["value"] <= difference["high"]
    assert first.difference
    assert first.difference.value == difference["value"]


def test_windows_are_priced_by_utterance(toy: Toy) -> None:
    model = {"name": "bilstm", "epochs": 1, "hidden": [2]}
    recipe = {"features": ["toy-frames"], "model": model, "windows": {"length_s": 0.02, "hop_s": 0.01}}
    result = price(toy(size=(4, 6), protocol="speaker-out(2)", **recipe))
    assert (result["n"], result["n_groups"]) == (24, 4)
    assert result["honest"]["n_train"] > 12, "windows are the rows to train on"


def test_what_cannot_be_priced(toy: Toy) -> None:
    with pytest.raises(InputError, match=r"trial: found the leaky protocol random\(3\); expected one that keeps"):
        price(toy(protocol="random(3)"))
    seen = toy(pretrained_on=["toy"])
    with pytest.raises(LeakError, match="declare the leak: pretraining"):
        price(seen)
    assert price(seen, declared=["pretraining"])["n"] == 72


@pytest.mark.bench
def test_real_ravdess(project: Path, settings: Config, real_data: Path) -> None:
    features, experiments = recipe_book.entries("acoustic", "mid-term-svm", "ravdess")
    # a single C: real clips are to go through, and a leak has a price
    recipe = {**experiments["ravdess-mid-term-svm"], "tune": None, "model": {"name": "linear-svm", "c": 0.01}}
    chosen = settings.model_copy(
        update={
            "corpora": {"ravdess": config.Corpus(reader="ravdess", path=str(real_data / "ravdess"))},
            "features": {name: Extraction(**entry) for name, entry in features.items()},
            "experiments": {"trial": config.Experiment(**recipe)},
        }
    )
    local = each.local(settings.runtime.model_copy(update={"progress": "never"}))
    corpus.run(chosen, "ravdess", each=local)
    extract.run(chosen, "ravdess-mid-term", each=local)
    result = price(chosen)
    print(f"\nRAVDESS: {price_page.sentence(result)}")
    assert result["n"] == 1080
    assert 0.33 < result["honest"]["scores"]["uar"]["value"] < result["leaky"]["scores"]["uar"]["value"] < 0.6
    assert result["difference"]["uar"]["low"] > 0
