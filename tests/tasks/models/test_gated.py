"""The gated multimodal unit: it goes by the modality that knows, row by row, alone and as fusion's last layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

import torch

from tasks.core.errors import ConfigError, InputError
from tasks.models.base import registry
from tasks.models.base.estimator import Inputs
from tasks.models.fusion import Fusion, FusionSettings
from tasks.models.gated import Gated, GatedSettings
from tasks.models.networks.gated import GatedModule

CLASSES = np.array(["anger", "joy"])
SMALL: Mapping[str, Any] = {"epochs": 12, "hidden": 8, "learning_rate": 0.02, "batch_size": 16}


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERTONE_DEVICE", "cpu")


def drawn(n: int = 200, seed: int = 5) -> tuple[Inputs, np.ndarray]:
    """Two classes; a row is told by its voice or by its words, whose last feature says which of them is only noise."""
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(2), rng.integers(0, 2, n - 2)])
    by_voice = rng.random(n) < 0.5
    sign = np.where(codes == 1, 2.5, -2.5)
    blocks = []
    for informative in (by_voice, ~by_voice):
        block = rng.standard_normal((n, 4))
        block[:, 0] = np.where(informative, sign + block[:, 0], 4 * block[:, 0])
        block[:, 3] = np.where(informative, 1.0, -1.0)
        blocks.append(block)
    return Inputs(np.full(n, "u"), {"voice": blocks[0], "words": blocks[1]}), CLASSES[codes]


def made(seed: int = 1, **settings: Any) -> Gated:
    return Gated(GatedSettings(**{**SMALL, **settings}), seed)


def accuracy(fitted: Any, inputs: Inputs, target: np.ndarray) -> float:
    return float((np.array(fitted.outputs_)[fitted.scores(inputs).argmax(axis=1)] == target).mean())


def test_a_gate_by_hand() -> None:
    """Weights of 0 say nothing and gate evenly: what is left is the last layer's bias; a shut gate hears one side."""
    unit = GatedModule([1, 1], 1, hidden=1, dropout=0.0).eval()
    with torch.no_grad():
        for parameter in unit.parameters():
            parameter.zero_()
        unit.say[0].weight.fill_(100.0)
        unit.say[1].weight.fill_(-100.0)
        unit.out.weight.fill_(1.0)
        batch = {"features_0": torch.tensor([[1.0]]), "features_1": torch.tensor([[1.0]])}
        assert unit(**batch).item() == pytest.approx(0.0)
        unit.gate.bias.copy_(torch.tensor([np.log(3.0), 0.0]))
        assert unit(**batch).item() == pytest.approx(0.75 - 0.25)


def test_a_single_modality_has_the_gate_to_itself() -> None:
    inputs, target = drawn()
    alone = made().fit(inputs.only(["voice"]), target)
    assert 0.6 < accuracy(alone, drawn(seed=6)[0].only(["voice"]), drawn(seed=6)[1]) < 0.9


def test_it_goes_by_the_modality_that_knows() -> None:
    inputs, target = drawn()
    unseen, truth = drawn(seed=6)
    fitted = made().fit(inputs, target)
    assert accuracy(fitted, unseen, truth) > 0.85
    noise = np.random.default_rng(1).permutation(target)
    assert accuracy(made().fit(inputs, noise), unseen, truth) < 0.65


def test_a_model_comes_back_from_its_files_and_the_seed_decides_them() -> None:
    inputs, target = drawn(60)
    fitted = made(epochs=2).fit(inputs, target)
    loaded = registry.model("gated").load(fitted.settings, fitted.files())
    np.testing.assert_array_equal(loaded.scores(inputs), fitted.scores(inputs))
    assert loaded.files() == fitted.files() == made(epochs=2).fit(inputs, target).files()
    assert fitted.files() != made(2, epochs=2).fit(inputs, target).files()
    assert fitted.embeddings(inputs).shape == (60, 8)


def test_it_may_stand_on_the_branches_of_a_fusion() -> None:
    inputs, target = drawn()
    branch = {"name": "feed-forward", "hidden": [8], "epochs": 10, "learning_rate": 0.02, "dropout": 0.0}
    settings = FusionSettings(branches={"vector": branch}, last={"name": "gated", **SMALL})
    fitted = Fusion(settings, 1).fit(inputs, target)
    unseen, truth = drawn(seed=6)
    assert accuracy(fitted, unseen, truth) > 0.85
    files = fitted.files()
    loaded = registry.model("fusion").load(FusionSettings(branches={}), files)
    np.testing.assert_array_equal(loaded.scores(unseen), fitted.scores(unseen))
    assert loaded.files() == files
    assert set(registry.model("fusion").builds_on(settings)) == {"feed-forward", "gated"}  # type: ignore[misc]


@pytest.mark.parametrize(
    ("last", "message"),
    [
        ({"name": "gatd"}, "last: there is no model 'gatd'; did you mean gated"),
        ({"name": "tf-idf"}, "last: 'tf-idf' takes texts, and this is a vector"),
        ({"name": "fusion"}, "last: fusion cannot be built on itself"),
        ({"name": "gated", "hiden": 3}, "last: unknown key 'hiden'|last.*hiden"),
    ],
)
def test_a_last_layer_that_cannot_work_is_refused(last: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FusionSettings(last=last)


def test_what_it_cannot_take_is_told() -> None:
    inputs, target = drawn(40)
    with_texts = Inputs(inputs.units, inputs.vectors, texts={"said": np.array(["yes"] * 40, dtype=object)})
    with pytest.raises(InputError, match="takes blocks of vectors, found voice, words, said"):
        made().fit(with_texts, target)
    fitted = made(epochs=1).fit(inputs, target)
    other = Inputs(inputs.units, {"voice": inputs.vectors["voice"], "said": inputs.vectors["words"]})
    with pytest.raises(ValueError, match="expected blocks of"):
        fitted.scores(other)


@pytest.mark.parametrize("settings", [{"hidden": 0}, {"dropout": 2.0}])
def test_impossible_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must"):
        GatedSettings(**settings)
