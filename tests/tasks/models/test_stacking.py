"""Stacking: the upper model believes what holds on rows that the base models never saw."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tasks.core.errors import ConfigError, NotEnoughData
from tasks.features.base.sequences import Sequences
from tasks.models import stacking
from tasks.models.base import registry
from tasks.models.base.estimator import Development, Inputs, Model

LOGISTIC = {"vector": {"name": "logistic"}}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As the stages run it: on two cores, BLAS threads make small fits ten times slower."""
    import sklearn.linear_model  # noqa: F401  (loads the libraries that are to be limited)

    with threadpool_limits(1):
        yield


@dataclass(frozen=True)
class SpySettings:
    """None."""


class Spy:
    """Trained in epochs, or so it says: remembers whom it was shown, and scores by how often each class was seen."""

    seen: ClassVar[list[dict[str, Any]]] = []
    notes_: ClassVar[list[str]] = []

    def fit(
        self,
        inputs: Inputs,
        target: np.ndarray,
        *,
        weights: np.ndarray | None = None,
        development: Development | None = None,
        folder: Path | None = None,
    ) -> Spy:
        classes, counts = np.unique(target, return_counts=True)
        self.outputs_, self.curves_, self.share = tuple(classes.tolist()), [], counts / counts.sum()
        self.seen.append({"train": set(inputs.units), "development": development, "folder": folder, "weights": weights})
        return self

    def scores(self, inputs: Inputs) -> np.ndarray:
        return np.tile(self.share, (len(inputs), 1))

    def files(self) -> dict[str, bytes]:
        return {"share.json": json.dumps([self.outputs_, self.share.tolist()]).encode()}

    def read(self, files: Mapping[str, bytes]) -> Spy:
        outputs, share = json.loads(files["share.json"])
        self.outputs_, self.share = tuple(outputs), np.array(share)
        return self


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> type[Spy]:
    """A base model named `spy`, for sequences and vectors."""
    model = Model(
        name="spy",
        title="a spy",
        takes=frozenset({"sequence", "vector"}),
        settings=SpySettings,
        make=lambda settings, seed: Spy(),
        in_epochs=True,
    )
    original = registry.model
    monkeypatch.setattr(registry, "model", lambda name: model if name == "spy" else original(name))
    monkeypatch.setattr(Spy, "seen", [])
    return Spy


def drawn(n: int = 240, n_units: int = 16, seed: int = 5) -> tuple[Inputs, np.ndarray]:
    """Two blocks, `clear` and `noise`, of which the second tells nothing."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, n)
    clear = rng.standard_normal((n, 4)) + 1.5 * np.eye(3, 4)[codes]
    units = np.array([f"speaker-{number}" for number in np.arange(n) % n_units])
    return Inputs(units, {"clear": clear, "noise": rng.standard_normal((n, 4))}), np.array(["a", "b", "c"])[codes]


def stack(base: dict[str, Any], seed: int = 2, **others: Any) -> stacking.Stacking:
    return stacking.Stacking(stacking.StackingSettings(base=base, **others), seed)


def accuracy(fitted: Any, inputs: Inputs, target: np.ndarray) -> float:
    return float((np.array(fitted.outputs_)[fitted.scores(inputs).argmax(axis=1)] == target).mean())


@pytest.mark.parametrize("memoriser", [{"name": "rbf-svm", "gamma": 100.0, "c": 100.0}, {"name": "xgboost"}])
def test_who_memorises_is_not_believed(memoriser: dict[str, Any]) -> None:
    """On its own training rows the memoriser is always right; out of fold it knows nothing, and gets no weight."""
    if memoriser["name"] == "xgboost":
        pytest.importorskip("xgboost")
        memoriser = {**memoriser, "n_estimators": 30}
    inputs, target = drawn()
    unseen, truth = drawn(seed=6)
    fitted = stack({"noise": memoriser, "clear": {"name": "logistic"}}).fit(inputs, target)
    assert accuracy(fitted.fitted_["noise"], inputs.only(["noise"]), target) == 1
    stacked = fitted.out_of_fold(inputs, target)
    influence = stacked.std(axis=0) * np.abs(fitted.meta_.coef)
    assert list(fitted.fitted_) == ["clear", "noise"]
    assert influence[:, :3].sum() > 4 * influence[:, 3:].sum()
    alone = stack(LOGISTIC).fit(inputs.only(["clear"]), target)
    assert accuracy(fitted, unseen, truth) > accuracy(alone, unseen, truth) - 0.03


def test_out_of_fold_scores_of_noise_are_at_chance() -> None:
    inputs, target = drawn()
    noise = inputs.only(["noise"])
    scores = stack({"vector": {"name": "rbf-svm", "gamma": 100.0, "c": 100.0}}).out_of_fold(noise, target)
    assert (np.array(["a", "b", "c"])[scores.argmax(axis=1)] == target).mean() < 0.5


def test_no_unit_is_on_both_sides_and_development_rows_are_cut_by_unit(spy: type[Spy], tmp_path: Path) -> None:
    inputs, target = drawn()
    stack({"vector": {"name": "spy"}}, folds=4).fit(inputs.only(["noise"]), target, folder=tmp_path)
    everyone = set(inputs.units)
    *inner, whole = spy.seen
    assert len(inner) == 4
    for call in spy.seen:
        held = set(call["development"].inputs.units)
        assert held
        assert not held & call["train"]
        assert call["folder"].is_dir()
    tested = [everyone - call["train"] - set(call["development"].inputs.units) for call in inner]
    assert set.union(*tested) == everyone
    assert sum(map(len, tested)) == len(everyone)
    assert whole["train"] | set(whole["development"].inputs.units) == everyone
    assert 1 <= len(set(whole["development"].inputs.units)) <= 3
    assert len({call["folder"] for call in spy.seen}) == 5


def test_development_rows_that_are_given_are_used_and_weights_keep_their_mean(spy: type[Spy]) -> None:
    inputs, target = drawn()
    held, truth = drawn(60, seed=9)
    weights = np.random.default_rng(0).uniform(0.1, 3, 240)
    development = Development(held, truth)
    stack({"vector": {"name": "spy"}}).fit(inputs.only(["noise"]), target, weights=weights, development=development)
    assert spy.seen[-1]["train"] == set(inputs.units)
    assert spy.seen[-1]["development"].inputs.names == ("noise",)
    assert all(call["weights"].mean() == pytest.approx(weights.mean()) for call in spy.seen[:-1])


def test_few_units_leave_nothing_to_cut_off(spy: type[Spy]) -> None:
    inputs, target = drawn(n_units=3)
    stack({"vector": {"name": "spy"}}).fit(inputs.only(["noise"]), target)
    assert len(spy.seen) == 4
    assert all(call["development"] is None for call in spy.seen)


def test_each_kind_of_block_has_its_model_and_a_name_goes_before_its_kind(spy: type[Spy]) -> None:
    inputs, target = drawn()
    steps = np.zeros((240, 2), dtype=np.float32)
    sequences = Sequences(steps, np.arange(240), np.ones(240, dtype=np.int64))
    texts = np.array([f"said {label}{label}" for label in target], dtype=object)
    every = Inputs(inputs.units, inputs.vectors, {"steps": sequences}, {"said": texts})
    base = {
        **LOGISTIC,
        "noise": {"name": "linear-svm", "c": 0.1},
        "sequence": {"name": "spy"},
        "text": {"name": "tf-idf"},
    }
    settings = stacking.StackingSettings(base=base)
    fitted = stacking.Stacking(settings).fit(every, target)
    assert {name.rpartition("/")[0] for name in fitted.files()} == {
        "",
        *(f"base/{block}" for block in ("clear", "noise", "steps", "said")),
    }
    assert fitted.out_of_fold(every, target).shape == (240, 12)
    assert accuracy(fitted, every, target) > 0.95
    model = stacking.MODELS[0]
    loaded = model.load(stacking.StackingSettings(base={}), fitted.files())
    np.testing.assert_array_equal(loaded.scores(every), fitted.scores(every))
    assert loaded.files() == fitted.files()
    assert model.builds_on is not None
    assert model.builds_on(settings) == ("linear-svm", "logistic", "spy", "tf-idf")


@pytest.mark.parametrize("name", ["logistic", "linear-svm"])
def test_a_class_that_lives_with_one_unit_is_filled_with_a_floor(name: str) -> None:
    inputs, target = drawn()
    target = target.astype("<U9")
    target[inputs.units == "speaker-3"] = "rare"
    fitted = stack({"vector": {"name": name}}).fit(inputs, target)
    assert fitted.outputs_ == ("a", "b", "c", "rare")
    stacked = fitted.out_of_fold(inputs, target).reshape(240, 2, 4)
    absent = stacked[inputs.units == "speaker-3"]
    assert np.isfinite(stacked).all()
    np.testing.assert_array_equal(absent[..., 3], absent.min(axis=2))
    assert fitted.scores(inputs).shape == (240, 4)


def test_the_order_of_the_rows_does_not_matter() -> None:
    inputs, target = drawn()
    other = np.random.default_rng(3).permutation(240)
    straight = stack(LOGISTIC).out_of_fold(inputs, target)
    shuffled = stack(LOGISTIC).out_of_fold(inputs.rows(other), target[other])
    np.testing.assert_allclose(shuffled, straight[other], atol=1e-2)
    all_rows, two = stack(LOGISTIC).fit(inputs, target), stack(LOGISTIC).fit(inputs.rows(other), target[other])
    np.testing.assert_allclose(all_rows.scores(inputs), two.scores(inputs), atol=1e-2)


def test_too_few_units_and_missing_blocks_are_told() -> None:
    inputs, target = drawn(n_units=1)
    with pytest.raises(NotEnoughData, match=r"two units .* or more, found 1"):
        stack(LOGISTIC).fit(inputs, target)
    inputs, target = drawn(n_units=2)
    fitted = stack(LOGISTIC).fit(inputs, target)
    with pytest.raises(ValueError, match="expected the blocks clear, noise; noise is missing"):
        fitted.scores(inputs.only(["clear"]))


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ({"vector": {"name": "logistik"}}, "base.vector: there is no model 'logistik'; did you mean logistic"),
        ({"text": {"name": "logistic"}}, "base.text: 'logistic' takes vectors, and this is a text"),
        ({"vector": {"name": "ridge"}}, "base.vector: 'ridge' learns values; stacking needs classes"),
        ({"vector": {"name": "stacking"}}, "base.vector: stacking cannot be built on itself"),
        ({"vector": {"name": "logistic", "d": 1}}, "base.vector: unknown key 'd'"),
        ({"vector": {"name": "logistic", "c": -1.0}}, "base.vector: c must be above 0"),
        ({"vector": "logistic"}, "base.vector is 'logistic'; expected a model's name and settings"),
        ({"vector": {"c": 1.0}}, "expected a model's name and settings"),
    ],
)
def test_a_wrong_base_is_named(base: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        stacking.StackingSettings(base=base)


@pytest.mark.parametrize(
    ("block", "base", "message"),
    [
        ("noise", {"text": {"name": "tf-idf"}}, "no model for the block 'noise', a vector; there is text"),
        ("noise", {"noise": {"name": "tf-idf"}}, "base.noise: 'tf-idf' takes texts, and this is a vector"),
        ("../up", LOGISTIC, "the block '../up' cannot name a folder"),
    ],
)
def test_a_block_without_a_fitting_model_is_named(block: str, base: dict[str, Any], message: str) -> None:
    inputs, target = drawn()
    with pytest.raises(ConfigError, match=message):
        stack(base).fit(Inputs(inputs.units, {block: inputs.vectors["noise"]}), target)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="folds must be 2 or more"):
        stacking.StackingSettings(base=LOGISTIC, folds=1)
    with pytest.raises(ValueError, match="meta_c must be above 0"):
        stacking.StackingSettings(base=LOGISTIC, meta_c=0)
