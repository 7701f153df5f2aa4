"""Fusion: what no block tells alone is told by both, and nobody is shown a row that is not his."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from tasks.core.errors import ConfigError, NotEnoughData
from tasks.features.base.sequences import Rows, Sequences
from tasks.models import fusion
from tasks.models.base import registry
from tasks.models.base.branches import FLOOR
from tasks.models.base.estimator import Development, Inputs, Model
from tasks.models.feed_forward import FeedForward, FeedForwardSettings
from tasks.models.fusion import Fusion, FusionSettings

CLASSES = np.array(["anger", "joy", "neutral", "sadness"])
VOICE = {"name": "feed-forward", "hidden": [8], "epochs": 6, "learning_rate": 0.02, "dropout": 0.0}
WORDS = {"name": "bilstm", "hidden": [6], "epochs": 8, "learning_rate": 0.02, "dropout": 0.0, "pooling": "mean"}
BOTH = {"vector": VOICE, "sequence": WORDS}
LOGISTIC = {"vector": {"name": "logistic"}}


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERTONE_DEVICE", "cpu")


def drawn(n: int = 240, seed: int = 5) -> tuple[Inputs, np.ndarray]:
    """Four classes: the voice tells one half of what they are, the steps the other; neither tells more than a half."""
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(4), rng.integers(0, 4, n - 4)])
    voice = rng.standard_normal((n, 5))
    voice[:, 0] += 5.0 * (codes // 2) - 2.5
    lengths = rng.integers(3, 9, n)
    steps = rng.standard_normal((int(lengths.sum()), 3)).astype(np.float32)
    steps[:, 1] += np.repeat(3.0 * (codes % 2) - 1.5, lengths)
    words = Sequences(steps, np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
    units = np.array([f"row-{seed}-{number}" for number in range(n)])
    return Inputs(units, {"voice": voice}, {"words": words}), CLASSES[codes]


def fused(branches: Mapping[str, Any] = BOTH, seed: int = 1, **settings: Any) -> Fusion:
    return Fusion(FusionSettings(branches=dict(branches), **settings), seed)


def accuracy(fitted: Any, inputs: Inputs, target: np.ndarray) -> float:
    return float((np.array(fitted.outputs_)[fitted.scores(inputs).argmax(axis=1)] == target).mean())


@pytest.fixture(scope="module")
def whole() -> Fusion:
    """A fusion of both blocks, fitted."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("UNDERTONE_DEVICE", "cpu")
        return fused().fit(*drawn(), development=Development(*drawn(60, seed=9)))


def test_it_knows_what_no_block_knows_alone(whole: Fusion) -> None:
    unseen, truth = drawn(seed=6)
    alone = {name: accuracy(branch, unseen.only([name]), truth) for name, branch in whole.fitted_.items()}
    assert set(alone) == {"voice", "words"}
    assert max(alone.values()) < 0.65
    assert accuracy(whole, unseen, truth) > 0.85
    np.testing.assert_allclose(whole.scores(unseen).sum(axis=1), 1)


def test_shuffled_labels_teach_nothing() -> None:
    inputs, target = drawn()
    model = fused().fit(inputs, np.random.default_rng(1).permutation(target))
    assert accuracy(model, *drawn(seed=6)) < 0.4


def test_embeddings_lie_side_by_side_and_are_standardised_by_the_training_part(whole: Fusion) -> None:
    inputs, _ = drawn()
    embedded = np.concatenate(
        [branch.embeddings(inputs.only([name])) for name, branch in whole.fitted_.items()],  # type: ignore[attr-defined]
        axis=1,
    )
    assert embedded.shape == (240, 8 + 12)
    np.testing.assert_allclose(whole.mean_, embedded.mean(axis=0))
    np.testing.assert_allclose(whole.scale_, embedded.std(axis=0))
    standard = (embedded - whole.mean_) / whole.scale_
    last = whole.last_.linear_  # type: ignore[attr-defined]
    assert last.coef.shape == (4, 20)
    np.testing.assert_array_equal(whole.scores(inputs), last.scores(standard))


def test_files_give_the_same_model_back(whole: Fusion) -> None:
    files, unseen = whole.files(), drawn(seed=6)[0]
    folders = ("", "last/embeddings/", "branch/voice/", "branch/words/")
    assert set(files) == {f"{case}{name}" for case in folders for name in ("model.json", "weights.safetensors")}
    # what stands in the files is enough: neither settings nor seed are asked
    loaded = fusion.MODELS[0].load(FusionSettings(branches={}), files)
    np.testing.assert_array_equal(loaded.scores(unseen), whole.scores(unseen))
    assert loaded.files() == files
    assert loaded.curves_ == whole.curves_
    assert loaded.outputs_ == tuple(CLASSES)


def test_the_seed_decides_every_byte(whole: Fusion) -> None:
    development = Development(*drawn(60, seed=9))
    assert fused().fit(*drawn(), development=development).files() == whole.files()
    assert fused(seed=2).fit(*drawn(), development=development).files() != whole.files()


def test_who_is_in_a_batch_changes_no_score(whole: Fusion) -> None:
    unseen, _ = drawn(seed=6)
    some: Rows = np.array([7, 3, 200])
    np.testing.assert_allclose(whole.scores(unseen.rows(some)), whole.scores(unseen)[some], atol=1e-6)
    assert whole.scores(unseen.rows(np.arange(0))).shape == (0, 4)


def test_curves_are_those_of_the_first_branch_in_epochs(whole: Fusion) -> None:
    assert whole.curves_ == whole.fitted_["voice"].curves_
    assert len(whole.curves_) == 6
    assert fused(LOGISTIC).fit(drawn()[0].only(["voice"]), drawn()[1]).curves_ == []


@dataclass(frozen=True)
class SpySettings:
    """None."""


class Spy:
    """Trained in epochs, or so it says: remembers whom it was shown; gives everybody the same decision values."""

    seen: ClassVar[list[dict[str, Any]]] = []
    outputs_: tuple[str, ...]
    curves_: list[dict[str, float]]

    def fit(
        self,
        inputs: Inputs,
        target: np.ndarray,
        *,
        weights: np.ndarray | None = None,
        development: Development | None = None,
        folder: Path | None = None,
    ) -> Spy:
        self.outputs_, self.curves_ = tuple(np.unique(target).tolist()), [{"epoch": 1.0}]
        self.notes_ = ["was here"]
        held = set(development.inputs.units) if development else None
        blocks = (inputs.names, development.inputs.names if development else None)
        self.seen.append(
            {"train": set(inputs.units), "held": held, "blocks": blocks, "weights": weights, "folder": folder}
        )
        return self

    def scores(self, inputs: Inputs) -> np.ndarray:
        return np.tile(np.arange(float(len(self.outputs_))), (len(inputs), 1))

    def files(self) -> dict[str, bytes]:
        return {"outputs.json": json.dumps(self.outputs_).encode()}

    def read(self, files: Mapping[str, bytes]) -> Spy:
        self.outputs_, self.curves_ = tuple(json.loads(files["outputs.json"])), []
        return self


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> type[Spy]:
    """A branch's model named `spy`, for vectors and sequences."""
    model = Model(
        name="spy",
        title="a spy",
        takes=frozenset({"vector", "sequence"}),
        settings=SpySettings,
        make=lambda settings, seed: Spy(),
        in_epochs=True,
        probabilities=False,
    )
    original = registry.model
    monkeypatch.setattr(registry, "model", lambda name: model if name == "spy" else original(name))
    monkeypatch.setattr(Spy, "seen", [])
    return Spy


def test_branches_see_the_training_part_and_development_rows_alone(spy: type[Spy], tmp_path: Path) -> None:
    inputs, target = drawn()
    train, test = np.arange(180), np.arange(180, 240)
    held, truth = drawn(60, seed=9)
    weights = np.random.default_rng(0).uniform(0.5, 1.5, 180)
    model = fused({"vector": {"name": "spy"}, "sequence": {"name": "spy"}}).fit(
        inputs.rows(train), target[train], weights=weights, development=Development(held, truth), folder=tmp_path
    )
    assert model.scores(inputs.rows(test)).shape == (60, 4)
    first, second = spy.seen
    for call, block in ((first, "voice"), (second, "words")):
        assert call["train"] == set(inputs.units[train])
        assert call["held"] == set(held.units)
        assert call["blocks"] == ((block,), (block,))
        assert call["folder"] == tmp_path / block
        assert call["folder"].is_dir()
        np.testing.assert_array_equal(call["weights"], weights)
    assert model.notes_ == ["voice: was here", "words: was here"]


def test_without_development_rows_there_are_none(spy: type[Spy]) -> None:
    inputs, target = drawn()
    fused({"vector": {"name": "spy"}}).fit(inputs.only(["voice"]), target)
    assert spy.seen[0]["held"] is None
    assert spy.seen[0]["train"] == set(inputs.units)


def test_what_is_the_same_for_all_rows_tells_nothing_and_breaks_nothing(spy: type[Spy]) -> None:
    """A spread of 0 is not divided by."""
    inputs, target = drawn()
    model = fused({"voice": {"name": "logistic"}, "sequence": {"name": "spy"}}).fit(inputs, target)
    assert model.scale_[-4:].tolist() == [1, 1, 1, 1]
    assert np.isfinite(model.scores(inputs)).all()
    assert accuracy(model, *drawn(seed=6)) > 0.4


def test_models_without_a_network_give_their_scores() -> None:
    inputs, target = drawn()
    other = inputs.vectors["voice"] ** 2
    every = Inputs(inputs.units, {"voice": inputs.vectors["voice"], "square": other})
    model = fused({**LOGISTIC, "square": {"name": "linear-svm"}}).fit(every, target)
    voice = model.fitted_["voice"].scores(every.only(["voice"]))
    np.testing.assert_allclose(model.mean_[:4], np.log(np.clip(voice, FLOOR, 1)).mean(axis=0))
    np.testing.assert_allclose(model.mean_[4:], model.fitted_["square"].scores(every.only(["square"])).mean(axis=0))
    assert fusion.MODELS[0].builds_on is not None
    settings = FusionSettings(branches={**LOGISTIC, "square": {"name": "linear-svm"}})
    assert fusion.MODELS[0].builds_on(settings) == ("linear-svm", "logistic")


def test_weights_say_which_rows_count() -> None:
    inputs, target = drawn()
    voice, high = inputs.only(["voice"]), np.isin(target, CLASSES[2:])
    labels = np.where(high, "high", "low")
    lies = np.arange(240) % 3 > 0
    false = np.where(lies, np.where(high, "low", "high"), labels)
    weights = np.where(lies, 1e-3, 1.0)
    model = fused(LOGISTIC).fit(voice, false, weights=weights / weights.mean())
    assert accuracy(model, voice, labels) > 0.9
    assert accuracy(fused(LOGISTIC).fit(voice, false), voice, labels) < 0.2


def test_a_network_without_a_linear_layer_has_no_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from torch import nn

    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(4))

        def forward(self, features: Any) -> Any:
            return features[:, :4] * self.scale

    inputs, target = drawn(40)
    monkeypatch.setattr(FeedForward, "_build", lambda *_, **__: Odd())
    with pytest.raises(ConfigError, match="Odd has no linear layer, and so no embeddings"):
        fused({"vector": {**VOICE, "epochs": 1}}).fit(inputs.only(["voice"]), target)


def test_a_linear_layer_that_is_used_twice_gives_no_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch import nn

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(5, 5)

        def forward(self, features: Any) -> Any:
            return self.layer(self.layer(features))[:, :4]

    inputs, target = drawn(40)
    monkeypatch.setattr(FeedForward, "_build", lambda *_, **__: Twice())
    model = FeedForward(FeedForwardSettings(epochs=1), 1).fit(inputs.only(["voice"]), target)
    with pytest.raises(ConfigError, match=r"Twice has no embeddings: .* was given 2 inputs, .* expected one"):
        model.embeddings(inputs.only(["voice"]))


def test_too_little_and_missing_blocks_are_told(whole: Fusion) -> None:
    inputs, _ = drawn()
    with pytest.raises(NotEnoughData, match="two classes"):
        fused(LOGISTIC).fit(inputs.only(["voice"]), np.full(240, "joy"))
    with pytest.raises(ValueError, match="expected the blocks voice, words; words is missing"):
        whole.scores(inputs.only(["voice"]))


@pytest.mark.parametrize(
    ("branches", "message"),
    [
        ({"vector": {"name": "logistik"}}, "branches.vector: there is no model 'logistik'; did you mean logistic"),
        ({"text": {"name": "logistic"}}, "branches.text: 'logistic' takes vectors, and this is a text"),
        ({"vector": {"name": "ridge"}}, "branches.vector: 'ridge' learns values; fusion needs classes"),
        ({"vector": {"name": "fusion"}}, "branches.vector: fusion cannot be built on itself"),
        (
            {"vector": {"name": "stacking"}},
            "branches.vector: fusion cannot be built on stacking, which is",
        ),
        ({"vector": {"name": "feed-forward", "hiden": [4]}}, "branches.vector: unknown key 'hiden'"),
        ({"vector": {"name": "feed-forward", "epochs": 0}}, "branches.vector: epochs must be above 0"),
        ({"vector": "feed-forward"}, "branches.vector is 'feed-forward'; expected a model's name and settings"),
    ],
)
def test_a_wrong_branch_is_named(branches: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FusionSettings(branches=branches)


@pytest.mark.parametrize(
    ("block", "branches", "message"),
    [
        ("voice", {"text": {"name": "tf-idf"}}, "branches: no model for the block 'voice', a vector; there is text"),
        ("voice", {"voice": {"name": "tf-idf"}}, "branches.voice: 'tf-idf' takes texts, and this is a vector"),
        ("../up", LOGISTIC, "the block '../up' cannot name a folder"),
    ],
)
def test_a_block_without_a_fitting_branch_is_named(block: str, branches: dict[str, Any], message: str) -> None:
    inputs, target = drawn()
    with pytest.raises(ConfigError, match=message):
        fused(branches).fit(Inputs(inputs.units, {block: inputs.vectors["voice"]}), target)


def test_it_learns_classes_and_its_settings_are_checked() -> None:
    assert fusion.MODELS[0].tasks == {"classes"}
    assert fusion.MODELS[0].in_epochs
    assert FusionSettings().branches["vector"] == {"name": "feed-forward"}
    with pytest.raises(ValueError, match="c must be above 0"):
        FusionSettings(branches=LOGISTIC, c=0)


LINEAR = {
    "name": "feed-forward", "hidden": [], "input_dropout": 0.5, "batch_norm": False, "batch_size": 1, "epochs": 4,
    "learning_rate": 1e-3, "restore_best": False,
}  # fmt: skip


def test_a_linear_layer_with_dropout_is_trained_on_embeddings_as_they_are() -> None:
    inputs, target = drawn(120)
    model = fused(last=LINEAR, standardise=False).fit(inputs, target)
    assert not model.mean_.any()
    assert (model.scale_ == 1).all()
    network = model.last_.networks_[0]  # type: ignore[attr-defined]
    embedded = np.concatenate(
        [branch.embeddings(inputs.only([name])) for name, branch in model.fitted_.items()],  # type: ignore[attr-defined]
        axis=1,
    )
    weight, bias = network.layers[0].weight.detach().numpy(), network.layers[0].bias.detach().numpy()
    assert weight.shape == (4, 8 + 12)
    assert network.input_dropout.p == 0.5
    logits = embedded @ weight.T + bias
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.scores(inputs), expected, rtol=1e-4)
    loaded = fusion.MODELS[0].load(FusionSettings(branches={}), model.files())
    np.testing.assert_array_equal(loaded.scores(inputs), model.scores(inputs))
