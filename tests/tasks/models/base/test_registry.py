"""What every model promises, whatever its family: it learns, it is kept, it comes back, it owes nothing to chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import FrozenInstanceError, fields
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tasks.core.errors import ConfigError, NotEnoughData
from tasks.models.base import registry
from tasks.models.base.estimator import Estimator, Inputs

CLASSES = np.array(["anger", "joy", "sadness"])
WORDS = {"anger": ["leave", "never", "stop"], "joy": ["lovely", "great", "glad"], "sadness": ["lost", "miss", "gone"]}
BOTH = {"base": {"vector": {"name": "logistic"}, "text": {"name": "tf-idf"}}}
SETTINGS: dict[str, dict[str, Any]] = {
    "logistic": {},
    "linear-svm": {},
    "rbf-svm": {},
    "ridge-classifier": {},
    "xgboost": {"n_estimators": 10},
    "tf-idf": {},
    "stacking": BOTH,
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As the stages run it: on two cores, BLAS threads make small fits ten times slower."""
    import sklearn.linear_model  # noqa: F401  (loads the libraries that are to be limited)

    with threadpool_limits(1):
        yield


def drawn(n: int = 180, seed: int = 5) -> tuple[Inputs, np.ndarray]:
    """Three classes, apart in features and in words, said by 12 speakers."""
    rng = np.random.default_rng(seed)
    target = np.concatenate([CLASSES, rng.choice(CLASSES, n - 3)])
    centres = 2.0 * np.eye(3, 6)
    features = rng.standard_normal((n, 6)) + centres[np.searchsorted(CLASSES, target)]
    texts = [
        f"{rng.choice(WORDS[label])} {rng.choice(['you', 'we', 'they'])} {rng.choice(WORDS[label])}" for label in target
    ]
    units = np.array([f"speaker-{number}" for number in rng.integers(0, 12, n)])
    return Inputs(units, {"voice": features}, texts={"said": np.array(texts, dtype=object)}), target


def made(name: str, seed: int = 3) -> Estimator:
    if name == "xgboost":
        pytest.importorskip("xgboost")
    model = registry.model(name)
    return model.make(model.settings(**SETTINGS[name]), seed)


def accuracy(fitted: Estimator, inputs: Inputs, target: np.ndarray) -> float:
    return float((np.array(fitted.outputs_)[fitted.scores(inputs).argmax(axis=1)] == target).mean())


@pytest.fixture(params=SETTINGS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_it_learns_what_is_there_and_only_that(name: str) -> None:
    inputs, target = drawn()
    unseen, truth = drawn(seed=6)
    fitted = made(name).fit(inputs, target)
    assert fitted.outputs_ == ("anger", "joy", "sadness")
    assert fitted.curves_ == []
    assert accuracy(fitted, unseen, truth) > 0.75
    shuffled = made(name).fit(inputs, np.random.default_rng(1).permutation(target))
    assert accuracy(shuffled, unseen, truth) < 0.55


def test_scores_are_one_column_per_class_and_probabilities_where_said(name: str) -> None:
    inputs, target = drawn()
    scores = made(name).fit(inputs, target).scores(inputs)
    assert scores.shape == (180, 3)
    assert scores.dtype == np.float64
    if registry.model(name).probabilities:
        np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)
        assert scores.min() >= 0


def test_the_same_data_and_seed_give_the_same_files(name: str) -> None:
    inputs, target = drawn()
    first, second = (made(name).fit(inputs, target).files() for _ in range(2))
    assert first == second
    pickles = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
    assert not any(content.startswith(pickles) or b"sklearn" in content for content in first.values())


def test_what_is_loaded_scores_as_what_was_fitted_and_is_kept_as_the_same_bytes(name: str) -> None:
    inputs, target = drawn()
    unseen, _ = drawn(seed=6)
    fitted = made(name).fit(inputs, target)
    model = registry.model(name)
    loaded = model.load(model.settings(**SETTINGS[name]), fitted.files())
    np.testing.assert_array_equal(loaded.scores(unseen), fitted.scores(unseen))
    assert loaded.outputs_ == fitted.outputs_
    assert loaded.files() == fitted.files()
    none = loaded.scores(unseen.rows(np.arange(0)))
    assert none.shape == (0, 3)


def test_weights_say_which_rows_count(name: str) -> None:
    """Two rows of three say what is not so; where they weigh next to nothing, the third is believed."""
    inputs, target = drawn(240)
    lies = np.arange(240) % 3 > 0
    labels = np.where(lies, np.roll(CLASSES, 1)[np.searchsorted(CLASSES, target)], target)
    weights = np.where(lies, 1e-3, 1.0)
    unseen, truth = drawn(seed=6)
    weighted = made(name).fit(inputs, labels, weights=weights / weights.mean())
    assert accuracy(weighted, unseen, truth) > 0.6
    assert accuracy(made(name).fit(inputs, labels), unseen, truth) < 0.4


def test_a_class_may_have_a_single_row(name: str) -> None:
    inputs, target = drawn()
    target = np.where(target == "sadness", "joy", target)
    target[17] = "sadness"
    fitted = made(name).fit(inputs, target)
    assert fitted.outputs_ == ("anger", "joy", "sadness")
    assert np.isfinite(fitted.scores(inputs)).all()


def test_two_classes_are_enough_and_one_is_not(name: str) -> None:
    inputs, target = drawn()
    two = np.where(target == "sadness", "joy", target)
    fitted = made(name).fit(inputs, two)
    assert fitted.scores(inputs).shape == (180, 2)
    assert accuracy(fitted, inputs, two) > 0.8
    with pytest.raises(NotEnoughData, match="two classes in its training part, found joy"):
        made(name).fit(inputs, np.full(180, "joy"))


def test_a_model_is_listed_under_its_name_with_frozen_settings(name: str) -> None:
    model = registry.model(name)
    assert model.name == name
    settings = model.settings(**SETTINGS[name])
    with pytest.raises(FrozenInstanceError):
        setattr(settings, fields(settings)[0].name, None)


def test_a_near_miss_is_told() -> None:
    with pytest.raises(ConfigError, match="did you mean logistic"):
        registry.model("logistics")
