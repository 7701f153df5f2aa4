"""ResNet: the published sizes, transformers' checkpoints, and what is no such checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("transformers")

import torch
import transformers

from tasks.core.errors import InputError
from tasks.features.base import checkpoints
from tasks.models.networks.image_network import StagedImageNetwork
from tasks.models.networks.resnet import ResNetModule
from tasks.models.resnet import MODELS, ResNet, ResNetSettings
from tests.tasks.models.spectrogram_rows import drawn

CONFIG = {"layer_type": "basic", "embedding_size": 64, "hidden_sizes": [64, 128], "depths": [1, 1]}


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERTONE_DEVICE", "cpu")


def saved(folder: Path, kind: str = "ResNetForImageClassification", **config: Any) -> Any:
    """Save a ResNet that has learned nothing, and whose running statistics are its own."""
    torch.manual_seed(3)
    network = getattr(transformers, kind)(transformers.ResNetConfig(**{**CONFIG, **config}))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    with checkpoints.quiet():
        network.save_pretrained(folder)
    return network.eval()


def small(checkpoint: Path | str, **settings: Any) -> ResNetSettings:
    return ResNetSettings(**{"blocks": (1, 1), "checkpoint": str(checkpoint), "batch_size": 8, "epochs": 1, **settings})


@pytest.mark.parametrize(("depth", "n_weights", "width"), [(34, 21_797_672, 512), (50, 25_557_032, 2048)])
def test_it_has_the_published_size(depth: Any, n_weights: int, width: int) -> None:
    with torch.device("meta"):
        network = ResNet(ResNetSettings(depth=depth))._untrained(1000)
        whole = transformers.ResNetForImageClassification(
            transformers.ResNetConfig(**{**network.resnet.config.to_dict(), "num_labels": 1000})
        )
    assert sum(parameter.numel() for parameter in network.parameters()) == n_weights
    assert network.classifier[1].in_features == width
    assert {name: value.shape for name, value in network.state_dict().items()} == {
        name: value.shape for name, value in whole.state_dict().items()
    }
    assert network(torch.zeros(2, 3, 128, 300, device="meta")).shape == (2, 1000)


@pytest.mark.parametrize("kind", ["ResNetForImageClassification", "ResNetModel"])
def test_a_checkpoint_of_transformers_is_taken_over(tmp_path: Path, kind: str) -> None:
    there = saved(tmp_path, kind)
    network = ResNet(small(tmp_path))._body(3, 12, 24, 2, fitting=True).eval()
    pictures = torch.randn(2, 3, 12, 24)
    with torch.no_grad():
        expected = getattr(there, "resnet", there)(pictures).pooler_output.flatten(1)
        torch.testing.assert_close(network.network.resnet(pictures).pooler_output.flatten(1), expected)
        head = network.network.classifier[1]
        torch.testing.assert_close(network(pictures), head(expected))


def test_bottlenecks_are_taken_over_too(tmp_path: Path) -> None:
    there = saved(tmp_path, layer_type="bottleneck", hidden_sizes=[256], depths=[1])
    network = ResNet(small(tmp_path, depth=50, blocks=(1,)))._body(3, 12, 24, 2, fitting=True)
    weights = network.network.state_dict()
    assert all(
        torch.equal(weights[name], value)
        for name, value in there.state_dict().items()
        if not name.startswith("classifier.")
    )


def test_it_is_fine_tuned_and_loaded_without_the_checkpoint(tmp_path: Path) -> None:
    inputs, target = drawn(16, 3)
    saved(tmp_path / "checkpoint")
    settings = small(tmp_path / "checkpoint", head_epochs=1, epochs=2, frames=0)
    estimator = ResNet(settings, 1).fit(inputs, target)
    (tmp_path / "checkpoint").rename(tmp_path / "elsewhere")
    loaded = MODELS[0].load(settings, estimator.files())
    np.testing.assert_array_equal(loaded.scores(inputs), estimator.scores(inputs))


def test_another_network_is_told(tmp_path: Path) -> None:
    saved(tmp_path)

    def refused(match: str, **settings: Any) -> None:
        with pytest.raises(InputError, match=match):
            ResNet(small(tmp_path, **settings))._body(3, 12, 24, 2, fitting=True)

    refused(r"another ResNet than depth 34 with blocks \(1, 2\): depths \[1, 1\] \(here \[1, 2\]\)", blocks=(1, 2))
    refused(r"layer_type basic \(here bottleneck\).*set depth and blocks", depth=50)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "bert"}))
    refused("is a bert model; expected a resnet")
    (tmp_path / "config.json").unlink()
    refused("lacks a configuration")
    with pytest.raises(InputError, match="there is no folder"):
        ResNet(small("./nowhere"))._body(3, 12, 24, 2, fitting=True)


def test_weights_that_are_not_its_own_are_told(tmp_path: Path) -> None:
    saved(tmp_path, depths=[1, 2])
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "depths": [1, 1]}))
    with pytest.raises(InputError, match=r"unknown \(resnet\.encoder\.stages\.1\.layers\.1\."):
        ResNet(small(tmp_path))._body(3, 12, 24, 2, fitting=True)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (12, 24), (33, 31)])
def test_pictures_may_have_any_size(size: tuple[int, int]) -> None:
    with torch.device("meta"):
        assert ResNetModule(2, blocks=(1, 1, 1, 1))(torch.zeros(2, 3, *size)).shape == (2, 2)


def fastai(n_outputs: int = 4) -> ResNetModule:
    torch.manual_seed(1)
    return ResNetModule(n_outputs, blocks=(1, 1, 1, 1), dropout=0.5, head="fastai")


def test_fastais_head_has_its_layers_and_sizes() -> None:
    head = fastai().classifier
    kinds = [type(module).__name__ for module in head]  # type: ignore[union-attr,arg-type]
    assert kinds == ["BatchNorm1d", "Dropout", "Linear", "ReLU", "BatchNorm1d", "Dropout", "Linear"]
    assert [tuple(parameter.shape) for name, parameter in head.named_parameters() if name.endswith("weight")] == [
        (1024,), (512, 1024), (512,), (4, 512),
    ]  # fmt: skip
    assert {name for name, _ in head.named_parameters() if name.startswith(("2.", "6."))} == {"2.weight", "6.weight"}
    assert (head[1].p, head[5].p) == (0.25, 0.5)  # type: ignore[index]


def test_fastais_head_gets_maxima_and_means_and_the_fusion_sums() -> None:
    from tasks.models.training import inference

    network, pictures = fastai().eval(), torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        maps = network.resnet(pictures).last_hidden_state
        pooled = torch.cat([maps.flatten(2).max(dim=2).values, maps.flatten(2).mean(dim=2)], dim=1)
        expected = torch.nn.Sequential(*network.classifier.children())(pooled)
        torch.testing.assert_close(network(pictures), expected)
    taken: list[torch.Tensor] = []
    inference.embedding_layer(network).register_forward_pre_hook(lambda _, arguments: taken.append(arguments[0]))
    with torch.no_grad():
        network(pictures)
    torch.testing.assert_close(taken[0], maps.sum(dim=(2, 3)))


def test_a_fusion_gets_sums_over_positions() -> None:
    inputs, target = drawn(8, 3)
    settings = ResNetSettings(blocks=(1, 1), batch_size=8, epochs=1, frames=24, head="fastai")
    estimator = ResNet(settings, 1).fit(inputs, target)
    assert estimator.embeddings(inputs).shape == (8, 128)
    assert estimator.embeddings(inputs.rows(np.arange(0))).shape == (0, 128)
    loaded = MODELS[0].load(settings, estimator.files())
    np.testing.assert_array_equal(loaded.scores(inputs), estimator.scores(inputs))


def test_fastais_groups_have_three_rates_and_a_frozen_body_trains_its_normalisation() -> None:
    network = fastai()
    staged = StagedImageNetwork(network, head_epochs=1, layer_decay=0.1)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    rates = {names[id(p)]: group["lr"] for group in staged.groups(1.0) for p in group["params"]}
    assert set(rates) == set(names.values())
    halves = {name: rate for name, rate in rates.items() if name.startswith("resnet.encoder")}
    assert {name.split(".")[3]: round(rate, 6) for name, rate in halves.items()} == {
        "0": 0.01, "1": 0.01, "2": 0.1, "3": 0.1,
    }  # fmt: skip
    assert rates["classifier.2.weight"] == 1.0
    staged.train().begin_epoch(0)
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    body = {name for name in trained if name.startswith("resnet.")}
    assert body and all("normalization" in name for name in body)
    assert all(module.training for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d))
    staged.begin_epoch(1)
    assert all(parameter.requires_grad for parameter in network.parameters())
