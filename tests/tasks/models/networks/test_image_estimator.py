"""Image networks over spectrograms: published weights, two stages, rates, and what all four must be able to do."""

from __future__ import annotations

import os
import signal
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("transformers")

import torch
from safetensors.torch import load_file, save_file

from tasks.core.errors import InputError
from tasks.features.base.checkpoints import weights_file
from tasks.models.base.estimator import Model
from tasks.models.densenet import DenseNet, DenseNetSettings
from tasks.models.networks.densenet import DenseNetModule
from tasks.models.networks.image_estimator import ImageSettings
from tasks.models.networks.image_network import StagedImageNetwork, set_body
from tasks.models.resnet import ResNetSettings
from tasks.models.training import checkpoint as kept
from tasks.models.training.loop import multiplier
from tasks.models.training.settings import TrainingSettings
from tests.tasks.models.spectrogram_rows import as_vectors, drawn

SMALL: dict[str, dict[str, Any]] = {
    "alexnet": {"dropout": 0.0, "learning_rate": 1e-3},
    "resnet": {"blocks": (1, 1), "learning_rate": 1e-3},
    "densenet": {"blocks": (2, 2), "growth": 8, "learning_rate": 0.01},
    "resnext": {"blocks": (1,), "learning_rate": 3e-3},
}
NAMES = tuple(SMALL)
TINY = {"blocks": (1, 1), "growth": 4}


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERTONE_DEVICE", "cpu")


def model(name: str) -> Model:
    (model,) = import_module(f"tasks.models.{name}").MODELS
    assert model.name == name
    return model


def rows(name: str, n: int, seed: int, n_classes: int = 2) -> tuple[Any, np.ndarray]:
    size = (80, 64) if name == "alexnet" else (24, 12)
    return drawn(n, seed, n_classes, *size)


def fitted(name: str, inputs: Any, target: np.ndarray, seed: int = 1, **settings: Any) -> Any:
    made = model(name)
    return made.make(made.settings(**{"batch_size": 8, "frames": 0, **SMALL[name], **settings}), seed).fit(
        inputs, target
    )


def called(estimator: Any, inputs: Any) -> np.ndarray:
    return np.array(estimator.outputs_)[estimator.scores(inputs).argmax(axis=1)]


def dense(**settings: Any) -> DenseNetSettings:
    return DenseNetSettings(**{**TINY, "batch_size": 8, "frames": 0, "learning_rate": 0.01, "epochs": 3, **settings})


def published(path: Path, seed: int = 3) -> dict[str, Any]:
    """Save what a DenseNet of this size could have learned on pictures; return it."""
    torch.manual_seed(seed)
    network = DenseNetModule(1000, **TINY)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    weights = network.state_dict()
    save_file(weights, path)
    return weights


def body(estimator: Any) -> dict[str, Any]:
    weights = estimator.networks_[0].body.network.state_dict()
    return {name: value for name, value in weights.items() if not name.startswith("classifier.")}


@pytest.mark.parametrize("name", NAMES)
def test_sixteen_clips_can_be_learned_by_heart(name: str) -> None:
    inputs, target = rows(name, 16, 3)
    estimator = fitted(name, inputs, target, epochs=25 if name == "alexnet" else 12)
    assert (called(estimator, inputs) == target).all()


def test_what_moves_is_learned() -> None:
    estimator = fitted("densenet", *rows("densenet", 64, 3), epochs=6)
    unseen, truth = rows("densenet", 100, 4)
    assert (called(estimator, unseen) == truth).mean() > 0.9


@pytest.mark.parametrize("name", NAMES)
def test_shuffled_labels_teach_nothing(name: str) -> None:
    inputs, target = rows(name, 64, 3)
    unseen, truth = rows(name, 100, 4)
    # one direction tells the classes apart, and calls go one way or the other as a whole: so noise, and its contrary
    noise = np.random.default_rng(1).permutation(target)
    contrary = np.where(noise == "class-0", "class-1", "class-0")
    both = [fitted(name, inputs, case, epochs=6).scores(unseen) for case in (noise, contrary)]
    sure = np.mean(both, axis=0)[np.arange(100), np.searchsorted(["class-0", "class-1"], truth)].mean()
    assert 0.3 < sure < 0.7


@pytest.mark.parametrize("name", NAMES)
def test_a_model_comes_back_from_its_files_and_the_seed_decides_them(name: str) -> None:
    inputs, target = rows(name, 12, 3, 3)
    settings = {"epochs": 1, "channels": 1}
    estimator = fitted(name, inputs, target, **settings)
    made, files = model(name), estimator.files()
    loaded = made.load(estimator.settings, files)
    np.testing.assert_array_equal(loaded.scores(inputs), estimator.scores(inputs))
    assert loaded.files() == files == fitted(name, inputs, target, **settings).files()
    assert files != fitted(name, inputs, target, seed=2, **settings).files()
    assert estimator.embeddings(inputs).shape[0] == 12
    alone = estimator.scores(inputs.rows(np.array([5])))
    np.testing.assert_allclose(alone, estimator.scores(inputs)[5:6], atol=1e-5)


def test_labels_and_values_are_learned_too() -> None:
    inputs, target = rows("densenet", 32, 3)
    up = (target == "class-1").astype(float)
    labels = fitted("densenet", inputs, np.stack([up, 1 - up], axis=1), epochs=8)
    assert ((labels.scores(inputs) > 0.5)[:, 0] == (up > 0)).mean() > 0.9
    values = fitted("densenet", inputs, 10 * up, epochs=8)
    assert np.corrcoef(values.scores(inputs)[:, 0], up)[0, 1] > 0.8


@pytest.mark.parametrize("name", ["resnet", "resnext"])
def test_a_vector_is_a_picture_of_one_band(name: str) -> None:
    inputs, target = rows(name, 16, 3)
    assert fitted(name, as_vectors(inputs), target, epochs=1).scores(as_vectors(inputs)).shape == (16, 2)


@pytest.mark.parametrize("name", NAMES)
def test_every_weight_is_in_one_stage_or_in_the_head(name: str) -> None:
    made = model(name)
    with torch.device("meta"):
        network = made.make(made.settings(), 0)._body(3, 128, 300, 7, fitting=True)
    staged = [parameter for stage in network.network.stages() for part in stage for parameter in part.parameters()]
    every = [*staged, *network.network.head().parameters()]
    assert sorted(map(id, every)) == sorted(map(id, network.parameters()))
    grouped = [parameter for group in network.groups(0.1) for parameter in group["params"]]
    assert sorted(map(id, grouped)) == sorted(map(id, network.parameters()))
    linear = [module for module in network.modules() if isinstance(module, torch.nn.Linear)]
    assert linear[-1].out_features == 7
    assert linear[-1] in network.network.head().modules()
    assert network(torch.zeros(2, 3, 128, 300, device="meta")).shape == (2, 7)


@pytest.mark.parametrize("name", NAMES)
def test_lower_stages_learn_less(name: str) -> None:
    made = model(name)
    with torch.device("meta"):
        network = made.make(made.settings(layer_decay=0.5), 0)._body(3, 128, 300, 7, fitting=True)
    groups = network.groups(0.1)
    # the loop reads the rate that is set off the first group
    assert groups[0]["lr"] == 0.1
    rate = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    assert {rate[id(parameter)] for parameter in network.network.head().parameters()} == {0.1}
    for below, stage in enumerate(reversed(network.network.stages()), 1):
        assert {rate[id(parameter)] for part in stage for parameter in part.parameters()} == {0.1 * 0.5**below}
    assert all(parameter.ndim == 1 for group in groups if "weight_decay" in group for parameter in group["params"])
    assert all(parameter.ndim > 1 for group in groups if "weight_decay" not in group for parameter in group["params"])


def test_a_picture_of_one_channel_is_given_to_all_three() -> None:
    torch.manual_seed(1)
    network = StagedImageNetwork(DenseNetModule(2, **TINY)).eval()
    picture = torch.randn(2, 1, 12, 24)
    torch.testing.assert_close(network(picture), network(torch.cat([picture] * 3, dim=1)))


def test_a_body_starts_from_the_file_and_the_head_does_not(tmp_path: Path) -> None:
    expected = published(tmp_path / "weights.safetensors")
    network = DenseNet(dense(checkpoint=str(tmp_path / "weights.safetensors")))._body(3, 12, 24, 2, fitting=True)
    weights = network.network.state_dict()
    assert weights["classifier.weight"].shape == (2, expected["classifier.weight"].shape[1])
    for name, value in expected.items():
        if not name.startswith("classifier."):
            assert torch.equal(weights[name], value), name


def test_a_file_may_lack_counters_and_the_head_and_may_be_of_half_precision(tmp_path: Path) -> None:
    expected = published(tmp_path / "weights.safetensors")
    lean = {
        name: value.half()
        for name, value in expected.items()
        if not name.endswith("num_batches_tracked") and not name.startswith("classifier.")
    }
    network = DenseNetModule(2, **TINY)
    set_body(network, lean, "it")
    conv = network.features.conv0.weight
    assert conv.dtype == torch.float32
    torch.testing.assert_close(conv.detach(), expected["features.conv0.weight"], rtol=1e-3, atol=1e-3)


def test_the_head_learns_first_and_the_body_after_it(tmp_path: Path) -> None:
    """In the first epochs neither weights nor running statistics of the body move; then both do."""
    inputs, target = rows("densenet", 16, 3)
    expected = published(tmp_path / "w.safetensors")
    held = {"checkpoint": str(tmp_path / "w.safetensors"), "head_epochs": 2, "weight_decay": 0.1, "optimiser": "adamw"}
    first = DenseNet(dense(epochs=2, **held), 1).fit(inputs, target)
    for name, value in body(first).items():
        assert torch.equal(value, expected[name]), name
    assert len(first.curves_) == 2
    assert first.curves_[1]["train_loss"] < first.curves_[0]["train_loss"]
    then = DenseNet(dense(epochs=3, **held), 1).fit(inputs, target)
    assert then.curves_[:2] == first.curves_
    for name, value in body(then).items():
        if name == "features.conv0.weight" or "running" in name:
            assert not torch.equal(value, expected[name]), name
    assert body(then)["features.norm0.num_batches_tracked"] == expected["features.norm0.num_batches_tracked"] + 2


def test_a_frozen_body_works_as_outside_training() -> None:
    torch.manual_seed(1)
    network = StagedImageNetwork(DenseNetModule(2, **TINY), head_epochs=1).train()
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    network.begin_epoch(0)
    assert not any(norm.training for norm in norms)
    assert network.network.dropout.training
    assert not any(parameter.requires_grad for parameter in network.network.features.parameters())
    assert all(parameter.requires_grad for parameter in network.network.classifier.parameters())
    network.eval()
    network.train()
    assert not any(norm.training for norm in norms)
    network.begin_epoch(1)
    assert all(norm.training for norm in norms)
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("killed_after", [1, 2])
def test_a_run_that_is_killed_in_either_stage_goes_on_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_after: int
) -> None:
    inputs, target = rows("densenet", 16, 3)
    published(tmp_path / "w.safetensors")
    settings = dense(
        checkpoint=str(tmp_path / "w.safetensors"), head_epochs=2, epochs=4, schedule="one-cycle", layer_decay=0.5
    )
    whole, write = DenseNet(settings, 1).fit(inputs, target), kept.write

    def dying(state: kept.TrainingState, *where: Any) -> None:
        write(state, *where)
        if state.epochs == killed_after:
            os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patched:
        patched.setattr(kept, "write", dying)
        child = os.fork()
        if not child:
            DenseNet(settings, 1).fit(inputs, target, folder=tmp_path / "run")
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    again = DenseNet(settings, 1).fit(inputs, target, folder=tmp_path / "run")
    assert again.files() == whole.files()


def test_loading_does_not_need_the_checkpoint(tmp_path: Path) -> None:
    inputs, target = rows("densenet", 16, 3)
    path = tmp_path / "w.safetensors"
    published(path)
    settings = dense(checkpoint=str(path), epochs=1)
    estimator = DenseNet(settings, 1).fit(inputs, target)
    path.unlink()
    loaded = model("densenet").load(settings, estimator.files())
    np.testing.assert_array_equal(loaded.scores(inputs), estimator.scores(inputs))
    with pytest.raises(InputError, match=r"there is no file .*w\.safetensors; check the path"):
        DenseNet(settings, 1).fit(inputs, target)


def test_weights_lie_in_a_file_or_in_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    published(path)
    assert weights_file(str(path)) == weights_file(str(tmp_path)) == path
    with pytest.raises(InputError, match=r"lacks weights \(model\.safetensors\)"):
        weights_file(str(tmp_path.parent))
    with pytest.raises(InputError, match=r"there is no file .*densenet\.pth; check the path"):
        weights_file(str(tmp_path / "densenet.pth"))
    with pytest.raises(InputError, match="there is no folder"):
        weights_file(str(tmp_path / "nowhere"))


def test_published_weights_in_pytorch_s_own_format_are_converted(tmp_path: Path, project: Path) -> None:
    inputs, target = rows("densenet", 16, 3)
    weights = published(tmp_path / "w.safetensors")
    torch.save(weights, tmp_path / "w.pth")
    fitted = [
        DenseNet(dense(checkpoint=str(tmp_path / name), epochs=1), 1).fit(inputs, target)
        for name in ("w.safetensors", "w.pth")
    ]
    np.testing.assert_array_equal(fitted[0].scores(inputs), fitted[1].scores(inputs))


def test_a_file_of_something_else_is_told(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    good = published(path)

    def refused(weights: dict[str, Any], match: str) -> None:
        save_file(weights, path)
        with pytest.raises(InputError, match=match):
            DenseNet(dense(checkpoint=str(path)))._body(3, 12, 24, 2, fitting=True)

    without = {name: value for name, value in good.items() if name != "features.norm5.bias"}
    refused(without, r"w\.safetensors does not hold.*\(DenseNetModule\): 1 missing \(features\.norm5\.bias\)")
    refused({**good, "features.extra": torch.zeros(1)}, r"1 unknown \(features\.extra\)")
    odd = {**good, "features.conv0.weight": torch.zeros(64, 1, 7, 7)}
    refused(odd, r"1 of another shape \(features\.conv0\.weight \(64, 1, 7, 7\) instead of \(64, 3, 7, 7\)\)")
    refused({"conv1.weight": torch.zeros(1)}, r"missing \(features\.conv0\.weight, .* …\); 1 unknown \(conv1\.weight\)")
    path.write_bytes(b"not safetensors at all")
    with pytest.raises(InputError, match="cannot be read as safetensors"):
        DenseNet(dense(checkpoint=str(path)))._body(3, 12, 24, 2, fitting=True)


def test_a_file_is_left_as_it_is(tmp_path: Path) -> None:
    inputs, target = rows("densenet", 16, 3)
    expected = published(tmp_path / "w.safetensors")
    DenseNet(dense(checkpoint=str(tmp_path / "w.safetensors"), epochs=1), 1).fit(inputs, target)
    assert all(torch.equal(value, expected[name]) for name, value in load_file(tmp_path / "w.safetensors").items())


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"head_epochs": -1}, "head_epochs must be 0 or more"),
        ({"head_epochs": 1}, "set a checkpoint, or 0"),
        ({"head_epochs": 1, "checkpoint": "x", "devices": 2}, "head_epochs needs devices: 1"),
        ({"head_epochs": 1, "checkpoint": "x", "find_batch_size": True}, "head_epochs and find_batch_size"),
        ({"layer_decay": 0.0}, "layer_decay must be above 0 and at most 1, found 0.0"),
        ({"layer_decay": 1.1}, "layer_decay must be above 0 and at most 1, found 1.1"),
        ({"dropout": 1.0}, "dropout must be"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        ImageSettings(**settings)


@pytest.mark.parametrize("name", ["resnet", "densenet", "resnext"])
@pytest.mark.parametrize("settings", [{"blocks": ()}, {"blocks": (2, 0)}, {"batch_size": 1}])
def test_batch_normalisation_and_blocks_have_their_demands(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must"):
        model(name).settings(**settings)


@pytest.mark.parametrize("name", NAMES)
def test_what_all_four_have_in_common(name: str) -> None:
    made = model(name)
    assert made.in_epochs
    assert made.tasks == {"classes", "labels", "values"}
    assert "sequence" in made.takes
    settings = made.settings()
    assert (settings.channels, settings.checkpoint, settings.head_epochs) == (3, "", 0)


def test_rows_can_be_stretched_to_the_same_number_of_frames() -> None:
    inputs, target = rows("resnet", 8, 3)
    estimator = model("resnet").make(ResNetSettings(blocks=(1,), fit="stretched", frames=30, epochs=1, batch_size=8), 1)
    estimator.fit(inputs, target)
    block = inputs.sequences["log-mel"]
    steps = estimator.examples(inputs).batch(np.arange(8))["steps"]
    assert steps.shape == (8, 30, 12)
    for row in range(8):
        frames = block[row]
        places = np.linspace(0, len(frames) - 1, 30)
        expected = [np.interp(places, np.arange(len(frames)), band) for band in frames.T]
        np.testing.assert_allclose(steps[row].T, expected, atol=1e-4)


@pytest.mark.parametrize("fit", ["stretched", "own"])
def test_vectors_have_one_length(fit: Any) -> None:
    inputs, target = rows("alexnet", 8, 3)
    with pytest.raises(InputError, match=f"fit: {fit} is for spectrograms, and these are vector"):
        fitted("alexnet", as_vectors(inputs), target, fit=fit, batch_size=1)


def test_the_second_learning_rate_has_a_cycle_of_its_own() -> None:
    settings = ResNetSettings(
        checkpoint="tiny:network", head_epochs=1, epochs=3, learning_rate=1e-3, second_learning_rate=2e-4,
        schedule="one-cycle", warmup_share=0.25,
    )  # fmt: skip
    whole = np.array([multiplier(settings, step, 60) for step in range(60)])
    alone = [
        [multiplier(TrainingSettings(schedule="one-cycle", warmup_share=0.25), step, n) for step in range(n)]
        for n in (20, 40)
    ]
    np.testing.assert_allclose(whole[:20], alone[0])
    np.testing.assert_allclose(whole[20:], 0.2 * np.array(alone[1]))
    with pytest.raises(ValueError, match="for the epochs after head_epochs"):
        ResNetSettings(second_learning_rate=1e-4)
