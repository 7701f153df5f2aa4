"""The one-dimensional network: layers as stated, any number of steps, along time or along a vector's features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from tasks.core.errors import ConfigError, InputError
from tasks.features.base.sequences import Sequences
from tasks.features.base.settings import settings_of
from tasks.models.base.estimator import Inputs
from tasks.models.cnn_1d import MODELS, Cnn1d, Cnn1dSettings
from tests.tasks.models.spectrogram_rows import as_vectors, drawn

LAYERS = (3, 5, 8)
SMALL = {3: (8, 12, 16), 5: (8, 12, 12, 16, 16), 8: (8, 8, 12, 12, 12, 16, 16, 16)}


def small(layers: Any = 3, **settings: Any) -> Cnn1dSettings:
    quick = {"units": SMALL[layers], "dense": 16, "epochs": 10, "learning_rate": 0.005, "frames": 24}
    return Cnn1dSettings(**{"layers": layers, **quick, **settings})


def accuracy(fitted: Cnn1d, inputs: Inputs, target: np.ndarray) -> float:
    return float((np.array(fitted.outputs_)[fitted.scores(inputs).argmax(axis=1)] == target).mean())


@pytest.fixture(params=LAYERS)
def layers(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_layers_are_as_the_docstring_states_them(layers: Any) -> None:
    import torch
    from torch import nn

    seen: list[tuple[int, ...]] = []
    with torch.device("meta"):
        network = Cnn1d(Cnn1dSettings(layers=layers))._body(1, 64, 300, 8, fitting=True)
        for module in network.modules():
            if isinstance(module, nn.MaxPool1d):
                module.register_forward_hook(lambda _module, _given, result: seen.append(tuple(result.shape[1:])))
        assert network(torch.empty(2, 1, 64, 300)).shape == (2, 8)
    assert seen == [(64, 150), (128, 75), (256, 38)]
    assert sum(isinstance(module, nn.Conv1d) for module in network.modules()) == layers
    dense = [(module.in_features, module.out_features) for module in network.modules() if isinstance(module, nn.Linear)]
    assert dense == [(512, 64), (64, 8)]
    assert (
        sum(parameter.numel() for parameter in network.parameters()) == {3: 259_528, 5: 669_896, 8: 1_100_872}[layers]
    )


def test_convolutions_of_equal_width_add_to_what_they_are_given() -> None:
    import torch

    with torch.device("meta"):
        both = [
            Cnn1d(Cnn1dSettings(layers=8, residual=case))._body(1, 64, 300, 2, fitting=True) for case in (True, False)
        ]
    result = [[module.residual for module in network.modules() if hasattr(module, "residual")] for network in both]
    assert result == [[False, True, False, True, True, False, True, True], [False] * 8]


def test_a_residual_layer_passes_on_what_it_is_given() -> None:
    """With weights of zero nothing but the way around them is left."""
    import torch

    network = Cnn1d(small(8, units=(4,) * 8, dropout=0.0))._body(1, 4, 8, 2, fitting=True).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv1d):
            torch.nn.init.zeros_(module.weight)
    steps = torch.randn(3, 4, 8)
    torch.testing.assert_close(network.stages[3](steps), steps)


@pytest.mark.parametrize(("n_bands", "n_frames"), [(1, 1), (1, 2), (1, 13), (1, 40), (64, 5), (3, 7)])
@pytest.mark.parametrize("n_channels", [1, 3])
def test_pictures_of_any_size_go_through_and_a_step_is_left(
    layers: Any, n_channels: int, n_bands: int, n_frames: int
) -> None:
    import torch

    network = Cnn1d(small(layers))._body(n_channels, n_bands, n_frames, 2, fitting=True)
    pictures = torch.randn(2, n_channels, n_bands, n_frames)
    assert network.stages(pictures.flatten(1, 2)).shape[2] == max(1, -(-n_frames // 8))
    # in training too: batch normalisation sees two values of each channel at least
    assert torch.isfinite(network.train()(pictures)).all()


def test_pooling_takes_in_all_steps_that_are_left() -> None:
    import torch

    from tasks.models.networks.convolutions import pooled

    steps = torch.tensor([[[1.0, 2.0, 6.0], [0.0, -3.0, 0.0]]])
    np.testing.assert_array_equal(pooled(steps, "mean"), [[3.0, -1.0]])
    np.testing.assert_array_equal(pooled(steps, "max"), [[6.0, 0.0]])
    np.testing.assert_array_equal(pooled(steps, "both"), [[3.0, -1.0, 6.0, 0.0]])
    np.testing.assert_array_equal(pooled(steps, "none"), [[1.0, 2.0, 6.0, 0.0, -3.0, 0.0]])


def test_sixteen_rows_are_learned_by_heart(layers: Any) -> None:
    inputs, _ = drawn(16, 1)
    target = np.random.default_rng(3).permutation(np.repeat(["anger", "joy"], 8))
    fitted = Cnn1d(small(layers, dropout=0.0, epochs=40, batch_size=8, learning_rate=0.01), 1).fit(inputs, target)
    assert accuracy(fitted, inputs, target) == 1


def test_it_learns_what_is_there_and_only_that() -> None:
    inputs, target = drawn(160, 1)
    unseen, truth = drawn(160, 2)
    assert accuracy(Cnn1d(small(epochs=6), 1).fit(inputs, target), unseen, truth) > 0.9
    noise = np.random.default_rng(1).permutation(target)
    shuffled = Cnn1d(small(epochs=6), 1).fit(inputs, noise)
    # the data has one direction: what is left of it in shuffled labels shows in the calls, but not in how sure they are
    sure = shuffled.scores(unseen)[np.arange(160), np.searchsorted(shuffled.outputs_, truth)].mean()
    assert 0.35 < sure < 0.65


@pytest.mark.parametrize("n_features", [13, 40])
def test_vectors_are_learned_along_their_features(layers: Any, n_features: int) -> None:
    inputs, target = drawn(120, 1, n_bands=n_features)
    unseen, truth = drawn(60, 2, n_bands=n_features)
    fitted = Cnn1d(small(layers, epochs=6), 1).fit(as_vectors(inputs), target)
    assert fitted.shape["n_frames"] == n_features
    assert accuracy(fitted, as_vectors(unseen), truth) > 0.9


@pytest.mark.parametrize(("n_features", "n_left"), [(13, 512), (40, 1280)])
def test_of_a_vector_it_matters_which_feature_it_is(n_features: int, n_left: int) -> None:
    """One bump in one of two places: pooled over features, as over time, both would be much alike."""
    import torch

    with torch.device("meta"):
        network = Cnn1d(Cnn1dSettings())._body(1, 1, n_features, 2, fitting=True)
    assert network.head[0].in_features == n_left
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 2, 120)
    features = rng.standard_normal((120, n_features)).astype(np.float32)
    features[np.arange(120), n_features // 2 + 2 * codes - 1] += 4
    inputs = Inputs(np.full(120, "u"), {"means": features})
    target = np.array(["left", "right"])[codes]
    fitted = Cnn1d(small(epochs=12), 1).fit(inputs.rows(np.arange(80)), target[:80])
    assert accuracy(fitted, inputs.rows(np.arange(80, 120)), target[80:]) > 0.85


def test_a_rows_scores_do_not_depend_on_what_stands_beside_it() -> None:
    inputs, target = drawn(60, 1)
    fitted = Cnn1d(small(epochs=2), 1).fit(inputs, target)
    together = fitted.scores(inputs)
    alone = np.concatenate([fitted.scores(inputs.rows(np.array([row]))) for row in range(20)])
    np.testing.assert_allclose(alone, together[:20], atol=1e-6)
    order = np.random.default_rng(2).permutation(60)
    np.testing.assert_allclose(fitted.scores(inputs.rows(order)), together[order], atol=1e-6)


def test_it_comes_back_from_its_files_and_the_seed_decides_them(layers: Any) -> None:
    inputs, target = drawn(40, 1)
    settings = small(layers, epochs=2)
    fitted = Cnn1d(settings, 1).fit(inputs, target)
    files = fitted.files()
    loaded = MODELS[0].load(settings, files)
    np.testing.assert_array_equal(loaded.scores(inputs), fitted.scores(inputs))
    assert loaded.files() == files == Cnn1d(settings, 1).fit(inputs, target).files()
    assert files != Cnn1d(settings, 2).fit(inputs, target).files()


def test_labels_and_values_are_learned_too() -> None:
    inputs, target = drawn(80, 1)
    rises = (target == "class-1").astype(float)
    labels = Cnn1d(small(), 1).fit(inputs, np.stack([rises, 1 - rises], axis=1))
    assert ((labels.scores(inputs) > 0.5)[:, 0] == (rises > 0)).mean() > 0.9
    values = Cnn1d(small(), 1).fit(inputs, 10 * rises)
    assert np.corrcoef(values.scores(inputs)[:, 0], rises)[0, 1] > 0.8


def test_frames_may_be_as_many_as_the_longest_row_has() -> None:
    inputs, target = drawn(40, 1, n_frames=30)
    fitted = Cnn1d(small(frames=0, epochs=1), 1).fit(inputs, target)
    assert fitted.shape["n_frames"] == inputs.sequences["log-mel"].lengths.max()
    longer, _ = drawn(10, 2, n_frames=50)
    assert fitted.scores(longer).shape == (10, 2)


def test_rows_of_few_frames_are_learned() -> None:
    inputs, target = drawn(120, 1, n_frames=5)
    fitted = Cnn1d(small(8, frames=0), 1).fit(inputs, target)
    assert accuracy(fitted, inputs, target) > 0.9


def test_what_it_cannot_take_is_told() -> None:
    inputs, target = drawn(40, 1)
    two = Inputs(inputs.units, as_vectors(inputs).vectors, inputs.sequences)
    with pytest.raises(InputError, match="takes one block of sequences or vectors, found gains, log-mel"):
        Cnn1d(small()).fit(two, target)
    fitted = Cnn1d(small(epochs=1), 1).fit(inputs, target)
    block = inputs.sequences["log-mel"]
    narrow = Inputs(inputs.units, sequences={"t": Sequences(block.steps[:, :2], block.starts, block.lengths)})
    with pytest.raises(ValueError, match="expected steps of 12 features"):
        fitted.scores(narrow)


IMPOSSIBLE: list[dict[str, Any]] = [
    {"units": (3, 0, 1)},
    {"units": (3, 4)},
    {"kernel": 4},
    {"kernel": -1},
    {"dropout": 1.0},
    {"dense": -1},
    {"batch_size": 1},
    {"frames": -1},
]


@pytest.mark.parametrize("settings", IMPOSSIBLE)
def test_impossible_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must"):
        Cnn1dSettings(**settings)


def test_other_numbers_of_layers_are_told_in_params_yaml() -> None:
    assert settings_of(Cnn1dSettings, {"layers": 5, "units": [4, 4, 4, 4, 4]}, "here").units == (4,) * 5
    with pytest.raises(ConfigError, match=r"here\.layers is 4; .*3, 5 or 8"):
        settings_of(Cnn1dSettings, {"layers": 4}, "here")
