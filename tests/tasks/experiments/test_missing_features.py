"""Utterances that lack features: left out, or kept by models that can do without, and said either way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from tasks.core import paths, tables
from tasks.core.config import Config
from tasks.core.errors import ConfigError, NotEnoughData
from tasks.experiments import data as rows_of
from tasks.experiments import fitted_model, plan
from tasks.features.base import store
from tests.tasks.experiment_runs import run

Toy = Callable[..., Config]
SMALL: dict[str, Any] = {
    "name": "cross-modal", "projection": 8, "hidden": 4, "heads": 2, "epochs": 8, "learning_rate": 0.02,
}  # fmt: skip
BOTH: dict[str, Any] = {
    "features": ["toy-voice", "toy-steps"], "model": SMALL, "protocol": "speaker-out(2)", "missing": "kept",
}  # fmt: skip


def take_away(name: str, ids: set[str]) -> None:
    """Write a set of features anew, without some utterances."""
    folder = paths.features("toy", name)
    found = store.read(folder)
    kept = [one for one in found.ids if one not in ids]
    place = store.positions(found, kept)
    if found.card["gives"] == "vector":
        values = list(found.vectors(place))
    else:
        sequences = found.sequences(place)
        values = [sequences[row] for row in range(len(kept))]
    rows = [store.row(one, np.array(value)) for one, value in zip(kept, values, strict=True)]
    batches = [tables.from_rows(rows, store.EXTRACTED)] if rows else []
    store.write(folder, batches, {key: found.card[key] for key in ("extractor", "title", "settings", "gives")})


MUTE = {f"toy/s{speaker}-{turn:02d}" for speaker in range(8) for turn in (0, 4)}
UNHEARD = {f"toy/s{speaker}-01" for speaker in range(8)}


def test_who_lacks_some_features_is_kept_and_scored(toy: Toy) -> None:
    config = toy(**BOTH)
    take_away("toy-steps", MUTE)
    take_away("toy-voice", UNHEARD)
    found = run(config)
    assert found["n"] == 72
    assert found["left_out"] == {}
    assert found["lacking"] == {"toy-steps": 16, "toy-voice": 8}
    assert found["scores"]["uar"]["value"] > 0.8
    rows = pq.read_table(paths.experiment("trial") / "predictions.parquet").to_pylist()
    told = [row for row in rows if row["variant"] == "recipe" and row["utterance_id"] in MUTE | UNHEARD]
    assert len(told) == 24
    assert np.mean([row["predicted"] == row["actual"] for row in told]) > 0.7
    assert {"sound only", "text only"} <= found["baselines"].keys()
    page = paths.page("trial").read_text()
    assert "Missing features" in page


def test_who_lacks_all_features_is_left_out_and_said(toy: Toy) -> None:
    config = toy(**BOTH)
    take_away("toy-steps", MUTE)
    take_away("toy-voice", MUTE)
    data = rows_of.load(plan.plan("trial", config))
    assert data.ids.size == 56
    assert data.left_out == {"no features": 16}
    assert data.lacking == {}


def test_without_being_asked_to_only_whole_utterances_are_used(toy: Toy) -> None:
    config = toy(**{**BOTH, "missing": "left-out"})
    take_away("toy-steps", MUTE)
    data = rows_of.load(plan.plan("trial", config))
    assert data.ids.size == 56
    assert data.left_out == {"no features": 16}
    assert set(data.inputs.vectors) == {"toy-voice"}


def test_features_of_nobody_are_a_modality_that_all_lack(toy: Toy) -> None:
    config = toy(**BOTH)
    take_away("toy-steps", {f"toy/s{speaker}-{turn:02d}" for speaker in range(8) for turn in range(9)})
    found = run(config)
    assert found["lacking"] == {"toy-steps": 72}
    assert found["scores"]["uar"]["value"] > 0.8
    # what nobody has is no modality: there is nothing to take away, and nothing to train on alone
    assert found["baselines"].keys() == {"majority", "shuffled labels"}
    assert found["modalities"] == []


def test_features_of_nobody_at_all(toy: Toy) -> None:
    config = toy(**BOTH)
    everyone = {f"toy/s{speaker}-{turn:02d}" for speaker in range(8) for turn in range(9)}
    take_away("toy-steps", everyone)
    take_away("toy-voice", everyone)
    with pytest.raises(NotEnoughData, match="no utterance of toy can be used: 72 no features"):
        run(config)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"model": {"name": "logistic"}, "features": ["toy-voice"]}, "logistic needs all features.*cross-modal"),
        ({"balance": "smote", "features": ["toy-voice"]}, "must have all features"),
        (
            {"features": ["toy-frames"], "windows": {"length_s": 0.02, "hop_s": 0.01}},
            "missing features cannot be cut into windows",
        ),
    ],
)
def test_models_that_need_all_features_are_refused(toy: Toy, recipe: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan.plan("trial", toy(**{**BOTH, **recipe}))


def test_the_page_tells_where_the_attention_goes(toy: Toy) -> None:
    config = toy(**{**BOTH, "protocol": "official"})
    take_away("toy-steps", MUTE)
    recipe = plan.plan("trial", config)
    run(config)
    page = paths.page("trial").read_text()
    assert "Where the attention goes" in page
    assert "on its test part" in page
    data = rows_of.load(recipe)
    kept = {
        path.relative_to(paths.experiment("trial") / "model").as_posix(): path.read_bytes()
        for path in (paths.experiment("trial") / "model").rglob("*")
        if path.is_file()
    }
    names, shares = fitted_model.load(recipe, kept).attended(data.inputs)
    assert names == ("toy-voice", "toy-steps")
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    mute = np.isin(data.ids, list(MUTE))
    np.testing.assert_allclose(shares[mute, 1], 0, atol=1e-6)
    assert (shares[~mute, 1] > 0).all()


def test_the_page_shows_how_learning_rates_were_found(toy: Toy) -> None:
    run(toy(**{**BOTH, "protocol": "official", "model": {**SMALL, "find_learning_rate": True, "batch_size": 4}}))
    page = paths.page("trial").read_text()
    assert page.count("<figcaption>Learning-rate search") == 1
    branches = {
        "vector": {"name": "feed-forward", "hidden": [4], "epochs": 1, "find_learning_rate": True},
        "sequence": {"name": "bilstm", "hidden": [4], "epochs": 1, "find_learning_rate": True},
    }
    run(
        toy(
            **{**BOTH, "missing": "left-out", "protocol": "official", "model": {"name": "fusion", "branches": branches}}
        )
    )
    page = paths.page("trial").read_text()
    assert "Learning-rate search: toy-voice" in page
    assert "Learning-rate search: toy-steps" in page
