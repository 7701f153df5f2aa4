"""DenseNet: torchvision's names and shapes, old names too, and a least size."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

import torch

from tasks.core.errors import InputError
from tasks.models.densenet import DenseNet, DenseNetSettings
from tasks.models.networks.densenet import DenseNetModule, least_size
from tasks.models.networks.image_network import set_body
from tests.tasks.models.spectrogram_rows import drawn

Shape = tuple[int, ...]


def norm(name: str, width: int) -> Iterator[tuple[str, Shape]]:
    yield from ((f"{name}.{case}", (width,)) for case in ("weight", "bias", "running_mean", "running_var"))
    yield f"{name}.num_batches_tracked", ()


def densenet_201() -> Iterator[tuple[str, Shape]]:
    """What torchvision's `densenet201().state_dict()` holds, by the rule it is made by."""
    yield "features.conv0.weight", (64, 3, 7, 7)
    yield from norm("features.norm0", 64)
    width = 64
    for block, n_layers in enumerate((6, 12, 48, 32), 1):
        for layer in range(1, n_layers + 1):
            name = f"features.denseblock{block}.denselayer{layer}"
            yield from norm(f"{name}.norm1", width)
            yield f"{name}.conv1.weight", (128, width, 1, 1)
            yield from norm(f"{name}.norm2", 128)
            yield f"{name}.conv2.weight", (32, 128, 3, 3)
            width += 32
        if block < 4:
            yield from norm(f"features.transition{block}.norm", width)
            yield f"features.transition{block}.conv.weight", (width // 2, width, 1, 1)
            width //= 2
    yield from norm("features.norm5", width)
    yield "classifier.weight", (1000, 1920)
    yield "classifier.bias", (1000,)


def test_its_weights_are_torchvisions() -> None:
    with torch.device("meta"):
        network = DenseNetModule(1000)
    expected = dict(densenet_201())
    assert {name: tuple(value.shape) for name, value in network.state_dict().items()} == expected
    assert len(expected) == 1207
    assert sum(parameter.numel() for parameter in network.parameters()) == 20_013_928
    assert network(torch.zeros(2, 3, 128, 300, device="meta")).shape == (2, 1000)
    assert network.features(torch.zeros(2, 3, 128, 300, device="meta")).shape == (2, 1920, 4, 9)


def test_the_published_file_is_taken_over_by_its_old_names() -> None:
    """It has `denselayer1.norm.1.weight` for `denselayer1.norm1.weight`, and no counters."""
    torch.manual_seed(1)
    size = {"blocks": (2, 1), "growth": 4}
    there, network = DenseNetModule(1000, **size).state_dict(), DenseNetModule(3, **size)
    old = {
        re.sub(r"(norm|conv)([12])\.", r"\1.\2.", name): value
        for name, value in there.items()
        if not name.endswith("num_batches_tracked")
    }
    assert "features.denseblock1.denselayer2.norm.1.running_var" in old
    set_body(network, old, "it")
    weights = network.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in there.items() if not name.startswith("classifier."))


def test_a_layer_adds_to_what_was_there() -> None:
    torch.manual_seed(1)
    block = DenseNetModule(2, blocks=(3,), growth=4).eval().features.denseblock1
    maps = torch.randn(2, 64, 5, 6)
    result = block(maps)
    assert result.shape == (2, 64 + 3 * 4, 5, 6)
    torch.testing.assert_close(result[:, :64], maps)
    torch.testing.assert_close(result[:, :68], block[0](maps))


@pytest.mark.parametrize(("n_blocks", "least"), [(1, 1), (2, 5), (3, 13), (4, 29)])
def test_the_least_size_is_the_least(n_blocks: int, least: int) -> None:
    assert least_size(n_blocks) == least
    with torch.device("meta"):
        network = DenseNetModule(2, blocks=(1,) * n_blocks, growth=4).eval()
    assert network(torch.zeros(1, 3, least, least + 9, device="meta")).shape == (1, 2)
    if least > 1:
        with pytest.raises(RuntimeError, match="too small"):
            network(torch.zeros(1, 3, least - 1, least, device="meta"))


def test_smaller_pictures_are_refused() -> None:
    inputs, target = drawn(8, 1, n_frames=40, n_bands=20)
    with pytest.raises(InputError, match="DenseNet needs pictures of 29 bands × 29 frames or more, found 20 × 40"):
        DenseNet(DenseNetSettings(frames=40), 1).fit(inputs, target)
    with pytest.raises(InputError, match="found 20 × 12"):
        DenseNet(DenseNetSettings(blocks=(1, 1, 1), frames=12), 1).fit(inputs, target)


def test_growth_is_above_0() -> None:
    with pytest.raises(ValueError, match="growth must be above 0, found 0"):
        DenseNetSettings(growth=0)
