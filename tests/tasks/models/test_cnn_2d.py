"""The two-dimensional network: layers as stated, pictures of any size, and what it learns of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from tasks.core.errors import ConfigError
from tasks.features.base.settings import settings_of
from tasks.models.cnn_2d import MODELS, Cnn2d, Cnn2dSettings
from tests.tasks.models.spectrogram_rows import as_vectors, drawn

LAYERS = (2, 6)
SMALL = {2: (6, 8), 6: (4, 6, 8, 8, 12, 12)}


def small(layers: Any = 2, **settings: Any) -> Cnn2dSettings:
    quick = {"units": SMALL[layers], "dense": 16, "epochs": 8, "learning_rate": 0.01, "frames": 24}
    return Cnn2dSettings(**{"layers": layers, **quick, **settings})


def accuracy(fitted: Cnn2d, inputs: Any, target: np.ndarray) -> float:
    return float((np.array(fitted.outputs_)[fitted.scores(inputs).argmax(axis=1)] == target).mean())


@pytest.fixture(params=LAYERS)
def layers(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_layers_are_as_the_docstring_states_them(layers: Any) -> None:
    import torch
    from torch import nn

    stages = {2: [(16, 32, 150), (32, 16, 75)], 6: [(16, 32, 150), (32, 16, 75), (64, 8, 38), (128, 4, 19)]}
    seen: list[tuple[int, ...]] = []
    with torch.device("meta"):
        network = Cnn2d(Cnn2dSettings(layers=layers))._body(1, 64, 300, 8, fitting=True)
        for module in network.modules():
            if isinstance(module, nn.MaxPool2d):
                module.register_forward_hook(lambda _module, _given, result: seen.append(tuple(result.shape[1:])))
        assert network(torch.empty(2, 1, 64, 300)).shape == (2, 8)
    assert seen == stages[layers]
    assert sum(isinstance(module, nn.Conv2d) for module in network.modules()) == layers
    dense = [(module.in_features, module.out_features) for module in network.modules() if isinstance(module, nn.Linear)]
    assert dense == [(1024, 64), (64, 8)]
    assert sum(parameter.numel() for parameter in network.parameters()) == {2: 70_968, 6: 348_216}[layers]


@pytest.mark.parametrize(("n_bands", "n_frames"), [(1, 1), (1, 13), (64, 5), (5, 64), (13, 31)])
@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("keep_bands", [True, False])
def test_pictures_of_any_size_go_through(
    layers: Any, n_channels: int, n_bands: int, n_frames: int, keep_bands: bool
) -> None:
    import torch

    settings = small(layers, keep_bands=keep_bands, pooling="max")
    network = Cnn2d(settings)._body(n_channels, n_bands, n_frames, 2, fitting=True).train()
    outputs = network(torch.randn(2, n_channels, n_bands, n_frames))
    assert outputs.shape == (2, 2)
    assert torch.isfinite(outputs).all()
    halved = 4 if layers == 2 else 16
    bands, frames = -(-n_bands // halved), -(-n_frames // halved)
    # of a vector all features are kept
    kept = frames if n_bands == 1 else bands if keep_bands else 1
    assert network.head[0].in_features == settings.units[-1] * kept


def test_without_bands_and_a_hidden_layer_a_linear_one_is_left() -> None:
    import torch
    from torch import nn

    with torch.device("meta"):
        settings = Cnn2dSettings(keep_bands=False, pooling="mean", dense=0)
        network = Cnn2d(settings)._body(1, 64, 300, 8, fitting=True)
    assert [module.in_features for module in network.modules() if isinstance(module, nn.Linear)] == [32]


def test_pooling_takes_in_bands_where_they_are_not_kept() -> None:
    """The same tone three octaves of bands higher: half the network's bands are alike, so only the ends differ."""
    import torch

    low = torch.zeros(1, 1, 32, 16)
    low[:, :, 8, 8] = 1.0
    high = low.roll(8, dims=2)
    result = {}
    for keep_bands in (True, False):
        torch.manual_seed(1)
        network = Cnn2d(small(keep_bands=keep_bands))._body(1, 32, 16, 2, fitting=True).eval()
        result[keep_bands] = float((network(low) - network(high)).detach().abs().max())
    assert result[False] < 1e-6 < 1e-3 < result[True]


def test_sixteen_rows_are_learned_by_heart(layers: Any) -> None:
    inputs, _ = drawn(16, 1)
    target = np.random.default_rng(3).permutation(np.repeat(["anger", "joy"], 8))
    fitted = Cnn2d(small(layers, dropout=0.0, epochs=40, batch_size=8), 1).fit(inputs, target)
    assert accuracy(fitted, inputs, target) == 1


def test_it_learns_what_is_there_and_only_that(layers: Any) -> None:
    inputs, target = drawn(120, 1)
    unseen, truth = drawn(120, 2)
    assert accuracy(Cnn2d(small(layers), 1).fit(inputs, target), unseen, truth) > 0.9
    noise = np.random.default_rng(1).permutation(target)
    shuffled = Cnn2d(small(layers, epochs=4), 1).fit(inputs, noise)
    # the data has one direction: what is left of it in shuffled labels shows in the calls, but not in how sure they are
    sure = shuffled.scores(unseen)[np.arange(120), np.searchsorted(shuffled.outputs_, truth)].mean()
    assert 0.35 < sure < 0.65


def test_three_classes_in_three_channels_are_learned() -> None:
    inputs, target = drawn(180, 1, n_classes=3)
    unseen, truth = drawn(90, 2, n_classes=3)
    fitted = Cnn2d(small(channels=3, epochs=12), 1).fit(inputs, target)
    assert fitted.outputs_ == ("class-0", "class-1", "class-2")
    assert accuracy(fitted, unseen, truth) > 0.85


@pytest.mark.parametrize("n_features", [13, 40])
def test_vectors_are_pictures_of_one_band_in_which_places_matter(layers: Any, n_features: int) -> None:
    inputs, target = drawn(120, 1, n_bands=n_features)
    unseen, truth = drawn(80, 2, n_bands=n_features)
    fitted = Cnn2d(small(layers), 1).fit(as_vectors(inputs), target)
    assert (len(fitted.shape["mean"]), fitted.shape["n_frames"]) == (1, n_features)
    assert accuracy(fitted, as_vectors(unseen), truth) > 0.9


def test_a_rows_scores_do_not_depend_on_what_stands_beside_it() -> None:
    inputs, target = drawn(60, 1)
    fitted = Cnn2d(small(epochs=2), 1).fit(inputs, target)
    together = fitted.scores(inputs)
    alone = np.concatenate([fitted.scores(inputs.rows(np.array([row]))) for row in range(20)])
    np.testing.assert_allclose(alone, together[:20], atol=1e-6)
    order = np.random.default_rng(2).permutation(60)
    np.testing.assert_allclose(fitted.scores(inputs.rows(order)), together[order], atol=1e-6)


def test_it_comes_back_from_its_files_and_the_seed_decides_them(layers: Any) -> None:
    inputs, target = drawn(40, 1)
    settings = small(layers, epochs=2)
    fitted = Cnn2d(settings, 1).fit(inputs, target)
    files = fitted.files()
    loaded = MODELS[0].load(settings, files)
    np.testing.assert_array_equal(loaded.scores(inputs), fitted.scores(inputs))
    assert loaded.files() == files == Cnn2d(settings, 1).fit(inputs, target).files()
    assert files != Cnn2d(settings, 2).fit(inputs, target).files()


def test_labels_and_values_are_learned_too() -> None:
    inputs, target = drawn(80, 1)
    rises = (target == "class-1").astype(float)
    labels = Cnn2d(small(), 1).fit(inputs, np.stack([rises, 1 - rises], axis=1))
    assert ((labels.scores(inputs) > 0.5)[:, 0] == (rises > 0)).mean() > 0.9
    values = Cnn2d(small(), 1).fit(inputs, 10 * rises)
    assert np.corrcoef(values.scores(inputs)[:, 0], rises)[0, 1] > 0.8


def test_a_killed_training_goes_on_with_the_same_result(
    tmp_path: Any, killed_after_two_epochs: Callable[[], AbstractContextManager[None]]
) -> None:
    """Pictures lie with their channels last in memory; a checkpoint has all tensors in PyTorch's usual order."""
    inputs, target = drawn(40, 1)
    whole = Cnn2d(small(6, epochs=4), 1).fit(inputs, target).files()
    with killed_after_two_epochs():
        Cnn2d(small(6, epochs=4), 1).fit(inputs, target, folder=tmp_path)
    assert Cnn2d(small(6, epochs=4), 1).fit(inputs, target, folder=tmp_path).files() == whole


@pytest.mark.parametrize("settings", [{"units": (3, 0)}, {"units": (3,)}, {"kernel": 2}, {"dropout": -0.1}])
def test_impossible_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must"):
        Cnn2dSettings(**settings)


def test_other_numbers_of_layers_are_told_in_params_yaml() -> None:
    assert settings_of(Cnn2dSettings, {"layers": 6}, "here") == Cnn2dSettings(layers=6)
    with pytest.raises(ConfigError, match=r"here\.layers is 3; .*2 or 6"):
        settings_of(Cnn2dSettings, {"layers": 3}, "here")
