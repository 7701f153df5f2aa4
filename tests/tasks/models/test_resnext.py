"""ResNeXt: torchvision's names and shapes, and paths that do not mix."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

import torch

from tasks.models.networks.image_network import set_body
from tasks.models.networks.resnext import ResNeXtModule

Shape = tuple[int, ...]


def norm(name: str, width: int) -> Iterator[tuple[str, Shape]]:
    yield from ((f"{name}.{case}", (width,)) for case in ("weight", "bias", "running_mean", "running_var"))
    yield f"{name}.num_batches_tracked", ()


def resnext_50() -> Iterator[tuple[str, Shape]]:
    """What torchvision's `resnext50_32x4d().state_dict()` holds, by the rule it is made by."""
    yield "conv1.weight", (64, 3, 7, 7)
    yield from norm("bn1", 64)
    given = 64
    for layer, n_blocks in enumerate((3, 4, 6, 3)):
        paths, wide = 128 * 2**layer, 256 * 2**layer
        for block in range(n_blocks):
            name = f"layer{layer + 1}.{block}"
            yield f"{name}.conv1.weight", (paths, given, 1, 1)
            yield from norm(f"{name}.bn1", paths)
            yield f"{name}.conv2.weight", (paths, paths // 32, 3, 3)
            yield from norm(f"{name}.bn2", paths)
            yield f"{name}.conv3.weight", (wide, paths, 1, 1)
            yield from norm(f"{name}.bn3", wide)
            if not block:
                yield f"{name}.downsample.0.weight", (wide, given, 1, 1)
                yield from norm(f"{name}.downsample.1", wide)
            given = wide
    yield "fc.weight", (1000, 2048)
    yield "fc.bias", (1000,)


def test_its_weights_are_torchvisions() -> None:
    with torch.device("meta"):
        network = ResNeXtModule(1000)
    assert {name: tuple(value.shape) for name, value in network.state_dict().items()} == dict(resnext_50())
    assert sum(parameter.numel() for parameter in network.parameters()) == 25_028_904
    assert network(torch.zeros(2, 3, 128, 300, device="meta")).shape == (2, 1000)
    assert network.layer4[0].conv2.stride == (2, 2)
    assert network.layer1[0].conv2.stride == (1, 1)


def test_the_head_of_a_file_is_left_where_it_is() -> None:
    torch.manual_seed(1)
    there, network = ResNeXtModule(1000, blocks=(1,)).state_dict(), ResNeXtModule(3, blocks=(1,))
    set_body(network, there, "it")
    weights = network.state_dict()
    assert weights["fc.weight"].shape == (3, 256)
    assert all(torch.equal(weights[name], value) for name, value in there.items() if not name.startswith("fc."))


def test_paths_do_not_mix() -> None:
    torch.manual_seed(1)
    conv = ResNeXtModule(2, blocks=(1,)).layer1[0].conv2
    maps = torch.randn(1, 128, 3, 3)
    changed = maps.clone()
    changed[:, 4:8] += 1
    differing = (conv(maps) != conv(changed)).flatten(2).any(dim=2)[0].nonzero().flatten().tolist()
    assert differing == [4, 5, 6, 7]


def test_a_block_adds_to_what_came_in() -> None:
    block = ResNeXtModule(2, blocks=(2,)).eval().layer1[1]
    torch.nn.init.zeros_(block.bn3.weight)
    maps = torch.rand(2, 256, 4, 5)
    torch.testing.assert_close(block(maps), maps)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (12, 24), (33, 31)])
def test_pictures_may_have_any_size(size: tuple[int, int]) -> None:
    with torch.device("meta"):
        network = ResNeXtModule(2, blocks=(1, 1, 1, 1))
        assert network(torch.zeros(2, 3, *size)).shape == (2, 2)
