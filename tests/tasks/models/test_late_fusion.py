"""Late fusion: weights go to the branch that knows, temperatures to the one that brags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tasks.core.errors import ConfigError, NotEnoughData
from tasks.models import late_fusion
from tasks.models.base import registry
from tasks.models.base.estimator import Development, Inputs, Model
from tasks.models.late_fusion import LateFusion, LateFusionSettings, shares

CLASSES = np.array(["anger", "joy", "sadness"])
LOGISTIC = {"vector": {"name": "logistic"}}
MEMORISER = {"name": "rbf-svm", "gamma": 100.0, "c": 100.0}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As the stages run it: on two cores, BLAS threads make small fits ten times slower."""
    import sklearn.linear_model  # noqa: F401  (loads the libraries that are to be limited)

    with threadpool_limits(1):
        yield


def drawn(n: int = 240, seed: int = 5, voice: float = 1.5, face: float = 0.0) -> tuple[Inputs, np.ndarray]:
    """Two blocks, which tell as much as is said."""
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(3), rng.integers(0, 3, n - 3)])
    blocks = {
        "voice": rng.standard_normal((n, 4)) + voice * np.eye(3, 4)[codes],
        "face": rng.standard_normal((n, 4)) + face * np.eye(3, 4)[codes],
    }
    return Inputs(np.array([f"{seed}-{row}" for row in range(n)]), blocks), CLASSES[codes]


def fused(branches: Mapping[str, Any] | None = None, seed: int = 1) -> LateFusion:
    return LateFusion(LateFusionSettings(branches=dict(branches or LOGISTIC)), seed)


def fitted(branches: Mapping[str, Any] | None = None, n_held: int = 120, **signal: float) -> LateFusion:
    held = Development(*drawn(n_held, seed=9, **signal))  # type: ignore[arg-type]
    return fused(branches).fit(*drawn(**signal), development=held)  # type: ignore[arg-type]


def accuracy(model: Any, inputs: Inputs, target: np.ndarray) -> float:
    return float((np.array(model.outputs_)[model.scores(inputs).argmax(axis=1)] == target).mean())


def log_loss(model: Any, inputs: Inputs, target: np.ndarray) -> float:
    probabilities = np.clip(model.scores(inputs), 1e-6, 1)
    return -float(np.log(probabilities[np.arange(len(target)), np.searchsorted(CLASSES, target)]).mean())


def test_the_branch_that_knows_gets_the_weight() -> None:
    unseen, truth = drawn(600, seed=6)
    model = fitted()
    assert list(model.fitted_) == ["voice", "face"]
    assert model.weights_[0] >= 0.8
    assert sum(model.weights_) == pytest.approx(1)
    assert accuracy(model, unseen, truth) > accuracy(model.fitted_["voice"], unseen.only(["voice"]), truth) - 0.02


def test_a_memoriser_is_not_believed() -> None:
    """On its own training rows it is always right; on development rows it knows nothing."""
    inputs, target = drawn()
    model = fitted({**LOGISTIC, "face": MEMORISER})
    assert accuracy(model.fitted_["face"], inputs.only(["face"]), target) == 1
    assert model.weights_[0] >= 0.8
    equal = fused({**LOGISTIC, "face": MEMORISER}).fit(inputs, target)
    unseen, truth = drawn(600, seed=6)
    assert log_loss(model, unseen, truth) < log_loss(equal, unseen, truth) - 0.05


@pytest.mark.parametrize("face", [{"name": "logistic"}, {"name": "linear-svm"}])
def test_two_that_know_are_better_than_either(face: dict[str, Any]) -> None:
    """Whether they give probabilities or decision values."""
    signal = {"voice": 1.2, "face": 1.2}
    unseen, truth = drawn(900, seed=6, **signal)  # type: ignore[arg-type]
    model = fitted({**LOGISTIC, "face": face}, **signal)
    alone = [accuracy(branch, unseen.only([name]), truth) for name, branch in model.fitted_.items()]
    assert 0.2 < model.weights_[0] < 0.8
    assert accuracy(model, unseen, truth) > max(alone) + 0.03
    np.testing.assert_allclose(model.scores(unseen).sum(axis=1), 1)


def test_shuffled_labels_teach_nothing() -> None:
    inputs, target = drawn()
    held, truth = drawn(120, seed=9)
    rng = np.random.default_rng(1)
    model = fused().fit(inputs, rng.permutation(target), development=Development(held, rng.permutation(truth)))
    assert accuracy(model, *drawn(600, seed=6)) < 0.45


def test_without_development_rows_all_weigh_the_same() -> None:
    inputs, target = drawn()
    model = fused().fit(inputs, target)
    assert model.weights_ == (0.5, 0.5)
    assert model.temperatures_ == (1.0, 1.0)
    assert "equal: there are no development rows" in model.notes_[0]
    scores = [branch.scores(inputs.only([name])) for name, branch in model.fitted_.items()]
    np.testing.assert_allclose(model.scores(inputs), np.mean(scores, axis=0), atol=1e-5)
    strangers = Development(drawn(30, seed=9)[0], np.full(30, "boredom"))
    assert fused().fit(inputs, target, development=strangers).files() == model.files()


def test_development_rows_of_unknown_classes_are_left_out() -> None:
    inputs, target = drawn()
    held, truth = drawn(120, seed=9)
    odd = np.where(np.arange(120) < 40, "boredom", truth)
    original = np.arange(40, 120)
    model = fused().fit(inputs, target, development=Development(held, odd))
    other = fused().fit(inputs, target, development=Development(held.rows(original), truth[original]))
    assert model.files() == other.files()
    assert "on 80 development rows" in model.notes_[0]


def test_weights_and_temperatures_are_told() -> None:
    model = fitted()
    expected = ", ".join(
        f"{name} {weight:.2g} (temperature {by:.3g})"
        for name, weight, by in zip(model.fitted_, model.weights_, model.temperatures_, strict=True)
    )
    assert model.notes_ == [f"late-fusion: weights {expected}; by the log loss on 120 development rows"]


def test_weights_are_the_best_on_the_grid() -> None:
    right = np.random.default_rng(2).uniform(0.05, 0.95, (50, 3))
    weights = shares(right)

    def loss(weights: Any) -> float:
        return -float(np.log(right @ np.array(weights)).mean())

    every = [(a / 10, b / 10, (10 - a - b) / 10) for a in range(11) for b in range(11 - a)]
    assert len(every) == len(set(late_fusion._simplex(3)) - {(1 / 3,) * 3}) == 66
    assert all(sum(case) == pytest.approx(1) for case in late_fusion._simplex(4))
    assert loss(weights) == pytest.approx(min(map(loss, [*every, (1 / 3,) * 3])))


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_of_equals_the_most_equal(n: int) -> None:
    column = np.random.default_rng(2).uniform(0.1, 0.9, (20, 1))
    assert shares(np.repeat(column, n, axis=1)) == pytest.approx((1 / n,) * n)


def test_a_branch_that_gives_a_class_no_chance_at_all_is_no_end_of_the_world() -> None:
    assert shares(np.array([[0.0, 0.5], [0.0, 0.5]])) == (0.0, 1.0)
    assert shares(np.zeros((3, 2))) == (0.5, 0.5)


def test_files_give_the_same_model_back() -> None:
    model, unseen = fitted({**LOGISTIC, "face": {"name": "linear-svm"}}), drawn(seed=6)[0]
    files = model.files()
    assert {name.rpartition("/")[0] for name in files} == {"", "branch/voice", "branch/face"}
    loaded = late_fusion.MODELS[0].load(LateFusionSettings(branches={}), files)
    np.testing.assert_array_equal(loaded.scores(unseen), model.scores(unseen))
    assert loaded.files() == files
    assert loaded.outputs_ == tuple(CLASSES)
    assert loaded.scores(unseen.rows(np.arange(0))).shape == (0, 3)


def test_nothing_is_owed_to_chance() -> None:
    assert fitted().files() == fitted().files()


@dataclass(frozen=True)
class SpySettings:
    """None."""


class Spy:
    """Remembers whom it was shown, and knows nothing."""

    seen: ClassVar[list[dict[str, Any]]] = []
    notes_: ClassVar[list[str]] = []
    outputs_: tuple[str, ...]

    def fit(self, inputs: Inputs, target: np.ndarray, **rest: Any) -> Spy:
        self.outputs_, self.curves_ = tuple(np.unique(target).tolist()), [{"epoch": 1.0}]
        self.seen.append({"inputs": inputs, **rest})
        return self

    def scores(self, inputs: Inputs) -> np.ndarray:
        return np.full((len(inputs), len(self.outputs_)), 1 / len(self.outputs_))

    def files(self) -> dict[str, bytes]:
        return {}


def test_branches_see_the_training_part_and_those_in_epochs_the_development_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    models = {
        name: Model(
            name=name,
            title="a spy",
            takes=frozenset({"vector"}),
            settings=SpySettings,
            make=lambda settings, seed: Spy(),
            in_epochs=name == "in-epochs",
        )
        for name in ("at-once", "in-epochs")
    }
    monkeypatch.setattr(registry, "model", lambda name: models[name])
    monkeypatch.setattr(Spy, "seen", [])
    inputs, target = drawn()
    weights = np.random.default_rng(0).uniform(0.5, 1.5, 240)
    held = Development(*drawn(60, seed=9))
    model = fused({"voice": {"name": "at-once"}, "face": {"name": "in-epochs"}}).fit(
        inputs, target, weights=weights, development=held
    )
    at_once, in_epochs = Spy.seen
    for call, block in ((at_once, "voice"), (in_epochs, "face")):
        assert call["inputs"].names == (block,)
        assert set(call["inputs"].units) == set(inputs.units)
        np.testing.assert_array_equal(call["weights"], weights)
    assert "development" not in at_once
    assert in_epochs["development"].inputs.names == ("face",)
    assert set(in_epochs["development"].inputs.units) == set(held.inputs.units)
    assert model.curves_ == [{"epoch": 1.0}]
    assert late_fusion.MODELS[0].builds_on is not None
    assert late_fusion.MODELS[0].builds_on(model.settings) == ("at-once", "in-epochs")


def test_too_little_and_missing_blocks_are_told() -> None:
    inputs, target = drawn()
    with pytest.raises(NotEnoughData, match="two classes"):
        fused().fit(inputs, np.full(240, "joy"))
    with pytest.raises(ValueError, match="expected the blocks voice, face; face is missing"):
        fused().fit(inputs, target).scores(inputs.only(["voice"]))


@pytest.mark.parametrize(
    ("branches", "message"),
    [
        ({"vector": {"name": "logistik"}}, "branches.vector: there is no model 'logistik'; did you mean logistic"),
        ({"text": {"name": "logistic"}}, "branches.text: 'logistic' takes vectors, and this is a text"),
        ({"vector": {"name": "ridge"}}, "branches.vector: 'ridge' learns values; late-fusion needs classes"),
        ({"vector": {"name": "late-fusion"}}, "branches.vector: late-fusion cannot be built on itself"),
        ({"vector": {"name": "stacking"}}, "late-fusion cannot be built on stacking, which is built on other models"),
        ({"vector": {"name": "logistic", "d": 1}}, "branches.vector: unknown key 'd'"),
        ({"vector": {"c": 1.0}}, "expected a model's name and settings"),
    ],
)
def test_a_wrong_branch_is_named(branches: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LateFusionSettings(branches=branches)


def test_a_block_without_a_fitting_branch_is_named() -> None:
    with pytest.raises(ConfigError, match="branches: no model for the block 'voice', a vector; there is text"):
        fused({"text": {"name": "tf-idf"}}).fit(*drawn())


def test_it_learns_classes() -> None:
    assert late_fusion.MODELS[0].tasks == {"classes"}
    assert late_fusion.MODELS[0].in_epochs
