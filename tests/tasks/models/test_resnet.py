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
