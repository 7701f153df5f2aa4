"""AlexNet: torchvision's names, a sum over positions, and a least size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

import torch

from tasks.core.errors import InputError
from tasks.models.alexnet import AlexNet, AlexNetSettings
from tasks.models.networks.alexnet import LEAST_SIZE, AlexNetModule
from tasks.models.networks.image_network import set_body
from tests.tasks.models.spectrogram_rows import drawn

PUBLISHED = {
    "features.0.weight": (64, 3, 11, 11),
    "features.0.bias": (64,),
    "features.3.weight": (192, 64, 5, 5),
    "features.3.bias": (192,),
    "features.6.weight": (384, 192, 3, 3),
    "features.6.bias": (384,),
    "features.8.weight": (256, 384, 3, 3),
    "features.8.bias": (256,),
    "features.10.weight": (256, 256, 3, 3),
    "features.10.bias": (256,),
}
LEFT = {
    "classifier.1.weight": (4096, 9216),
    "classifier.1.bias": (4096,),
    "classifier.4.weight": (4096, 4096),
    "classifier.4.bias": (4096,),
    "classifier.6.weight": (1000, 4096),
    "classifier.6.bias": (1000,),
}
"""What torchvision's file holds besides."""


def test_its_convolutions_are_torchvisions() -> None:
    with torch.device("meta"):
        network = AlexNetModule(4)
    result = {name: tuple(value.shape) for name, value in network.features.state_dict(prefix="features.").items()}
    assert result == PUBLISHED
    assert sum(parameter.numel() for parameter in network.features.parameters()) == 2_469_696
    assert sum(int(np.prod(shape)) for shape in (PUBLISHED | LEFT).values()) == 61_100_840
    assert {name: tuple(parameter.shape) for name, parameter in network.classifier.named_parameters()} == {
        "1.weight": (4, 256),
        "1.bias": (4,),
    }


def test_torchvisions_file_is_taken_over_without_its_dense_layers() -> None:
    torch.manual_seed(1)
    network = AlexNetModule(4)
    # the dense layers' shapes do not matter, and 230 MB of them would only be thrown away
    result = {name: torch.randn(shape) for name, shape in PUBLISHED.items()}
    set_body(network, {**result, **dict.fromkeys(LEFT, torch.zeros(1))}, "it")
    assert all(torch.equal(network.state_dict()[name], value) for name, value in result.items())
    with pytest.raises(InputError, match=r"1 missing \(features\.10\.bias\)"):
        set_body(network, {name: value for name, value in result.items() if name != "features.10.bias"}, "it")


def test_positions_are_summed() -> None:
    torch.manual_seed(1)
    network = AlexNetModule(4).eval()
    pictures = torch.randn(2, 3, 70, 130)
    with torch.no_grad():
        maps = network.features(pictures)
        expected = maps.flatten(2).sum(dim=2) @ network.classifier[1].weight.T + network.classifier[1].bias
        torch.testing.assert_close(network(pictures), expected)
    assert maps.shape == (2, 256, 1, 3)


@pytest.mark.parametrize(("size", "left"), [(LEAST_SIZE, 1), (128, 3), (300, 8)])
def test_pictures_become_so_many_positions(size: int, left: int) -> None:
    with torch.device("meta"):
        assert AlexNetModule(4).features(torch.zeros(1, 3, size, LEAST_SIZE)).shape == (1, 256, left, 1)


def test_smaller_pictures_are_refused() -> None:
    with torch.device("meta"), pytest.raises(RuntimeError, match="too small"):
        AlexNetModule(4).features(torch.zeros(1, 3, LEAST_SIZE - 1, LEAST_SIZE))
    inputs, target = drawn(8, 1, n_frames=70, n_bands=40)
    with pytest.raises(InputError, match="AlexNet needs pictures of 63 bands × 63 frames or more, found 40 × 70"):
        AlexNet(AlexNetSettings(frames=70), 1).fit(inputs, target)


def test_its_settings_are_the_sources() -> None:
    settings: Any = AlexNetSettings()
    assert (settings.epochs, settings.optimiser, settings.gradient_clip, settings.dropout) == (16, "adamw", 1.0, 0.5)
    network = AlexNet(settings)._untrained(4)
    assert network.classifier[0].p == 0.5


def test_rows_of_their_own_length_are_neither_cut_nor_padded() -> None:
    inputs, target = drawn(6, 1, n_frames=90, n_bands=64)
    settings = AlexNetSettings(fit="own", batch_size=1, epochs=1, normalise="none", channels=1)
    estimator = AlexNet(settings, 1).fit(inputs, target)
    block = inputs.sequences["log-mel"]
    assert len(set(block.lengths.tolist())) > 1
    network = estimator.networks_[0].body.network
    for row in range(6):
        picture = torch.from_numpy(block[row].T[None, None].copy()).expand(-1, 3, -1, -1)
        with torch.no_grad():
            expected = torch.softmax(network(picture), dim=1)[0]
        np.testing.assert_allclose(estimator.scores(inputs)[row], expected, atol=1e-6)
    np.testing.assert_allclose(estimator.embeddings(inputs)[5], network.features(picture).sum(dim=(2, 3))[0].detach())


def test_shorter_rows_of_their_own_length_are_padded_to_the_least() -> None:
    inputs, target = drawn(4, 1, n_frames=40, n_bands=64)
    settings = AlexNetSettings(fit="own", batch_size=1, epochs=1, frames=70)
    estimator = AlexNet(settings, 1).fit(inputs, target)
    assert estimator.examples(inputs).batch(np.array([0]))["steps"].shape == (1, LEAST_SIZE, 64)
    assert np.isfinite(estimator.scores(inputs)).all()


def test_batches_of_rows_of_their_own_length_are_refused() -> None:
    with pytest.raises(ValueError, match="fit: own needs batch_size: 1, since lengths differ, found 32"):
        AlexNetSettings(fit="own")
