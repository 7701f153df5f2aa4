"""Convolutions and LSTM: layers as stated, what it learns, and attention that says where in time that was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from tasks.core.errors import ConfigError
from tasks.features.base.sequences import Sequences
from tasks.models.base.estimator import Inputs
from tasks.models.cnn_lstm import MODELS, CnnLstm, CnnLstmSettings
from tests.tasks.models.spectrogram_rows import as_vectors, drawn

KINDS: dict[str, dict[str, Any]] = {
    "last": {"pooling": "last"},
    "mean": {"pooling": "mean"},
    "attention": {"attention": True},
}


def small(**settings: Any) -> CnnLstmSettings:
    quick = {"units": (6, 8), "time_pools": 1, "hidden": 12, "dense": 12, "epochs": 8, "frames": 24}
    return CnnLstmSettings(**{**quick, "learning_rate": 0.01, **settings})


def accuracy(fitted: CnnLstm, inputs: Any, target: np.ndarray) -> float:
    return float((np.array(fitted.outputs_)[fitted.scores(inputs).argmax(axis=1)] == target).mean())


def bursts(n: int, seed: int) -> tuple[Inputs, np.ndarray, np.ndarray]:
    """Noise of 32 frames, of which four, anywhere, have a tone: low or high; and where these four begin."""
    rng = np.random.default_rng(seed)
    codes, at = rng.integers(0, 2, n), rng.integers(0, 28, n)
    steps = rng.standard_normal((n, 32, 8)).astype(np.float32)
    for row in range(n):
        steps[row, at[row] : at[row] + 4, 1 + 4 * codes[row] : 3 + 4 * codes[row]] += 5
    block = Sequences(steps.reshape(-1, 8), 32 * np.arange(n), np.full(n, 32))
    return Inputs(np.full(n, "u"), sequences={"log-mel": block}), np.array(["low", "high"])[codes], at


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> dict[str, Any]:
    return KINDS[request.param]


def test_layers_are_as_the_docstring_states_them(kind: dict[str, Any]) -> None:
    import torch
    from torch import nn

    seen: list[tuple[int, ...]] = []
    with torch.device("meta"):
        network = CnnLstm(CnnLstmSettings(**kind))._body(1, 64, 300, 8, fitting=True)
        for module in network.modules():
            if isinstance(module, nn.MaxPool2d):
                module.register_forward_hook(lambda _module, _given, result: seen.append(tuple(result.shape[1:])))
        assert network(torch.empty(2, 1, 64, 300)).shape == (2, 8)
    assert seen == [(16, 32, 150), (32, 16, 75), (64, 8, 75)]
    assert (network.lstm.input_size, network.lstm.hidden_size, network.lstm.bidirectional) == (512, 128, True)
    dense = [(module.in_features, module.out_features) for module in network.head if isinstance(module, nn.Linear)]
    assert dense == [(256, 64), (64, 8)]
    more = 33_024 if kind.get("attention") else 0
    assert sum(parameter.numel() for parameter in network.parameters()) == 697_784 + more
    assert [module for module in network.modules() if isinstance(module, nn.Linear)][-1].out_features == 8


@pytest.mark.parametrize(("n_bands", "n_frames"), [(1, 1), (1, 13), (64, 5), (5, 31)])
def test_pictures_of_any_size_go_through(kind: dict[str, Any], n_bands: int, n_frames: int) -> None:
    import torch

    network = CnnLstm(small(**kind))._body(3, n_bands, n_frames, 2, fitting=True).train()
    outputs = network(torch.randn(2, 3, n_bands, n_frames))
    assert outputs.shape == (2, 2)
    assert torch.isfinite(outputs).all()


def test_pooling_takes_what_it_is_called_by() -> None:
    import torch

    pictures = torch.randn(2, 1, 8, 12)
    for name, kind in KINDS.items():
        network = CnnLstm(small(dense=0, **kind))._body(1, 8, 12, 2, fitting=True).eval()
        states, last = network._states(pictures)
        assert states.shape == (2, 6, 24)
        # forwards the last step is the last, backwards the first
        torch.testing.assert_close(last, torch.cat([states[:, -1, :12], states[:, 0, 12:]], dim=1))
        expected = {"last": last, "mean": states.mean(dim=1)}
        if name == "attention":
            weights = network.attention(pictures)
            score = torch.tanh(network.score[0](states)) @ network.score[2].weight[0]
            torch.testing.assert_close(weights, score.softmax(dim=1))
            expected["attention"] = (weights[:, :, None] * states).sum(dim=1)
        torch.testing.assert_close(network(pictures), network.head(expected[name]))


def test_sixteen_rows_are_learned_by_heart(kind: dict[str, Any]) -> None:
    inputs, _ = drawn(16, 1)
    target = np.random.default_rng(3).permutation(np.repeat(["anger", "joy"], 8))
    fitted = CnnLstm(small(dropout=0.0, epochs=40, batch_size=8, learning_rate=0.02, **kind), 1).fit(inputs, target)
    assert accuracy(fitted, inputs, target) == 1


def test_it_learns_what_is_there_and_only_that(kind: dict[str, Any]) -> None:
    inputs, target = drawn(120, 1)
    unseen, truth = drawn(120, 2)
    assert accuracy(CnnLstm(small(**kind), 1).fit(inputs, target), unseen, truth) > 0.9
    noise = np.random.default_rng(1).permutation(target)
    shuffled = CnnLstm(small(epochs=4, **kind), 1).fit(inputs, noise)
    # the data has one direction: what is left of it in shuffled labels shows in the calls, but not in how sure they are
    sure = shuffled.scores(unseen)[np.arange(120), np.searchsorted(shuffled.outputs_, truth)].mean()
    assert 0.35 < sure < 0.65


def test_attention_is_where_the_class_is_heard() -> None:
    inputs, target, _ = bursts(160, 1)
    unseen, truth, at = bursts(60, 2)
    fitted = CnnLstm(small(attention=True, frames=32), 1).fit(inputs, target)
    assert accuracy(fitted, unseen, truth) > 0.9
    weights = fitted.attention(unseen)
    assert weights.shape == (60, 32)
    assert weights.dtype == np.float64
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)
    # four frames and one step on either side, for steps are of two frames and convolutions see further
    weight_at_sound = [weights[row, max(0, start - 2) : start + 6].sum() for row, start in enumerate(at)]
    assert np.mean(weight_at_sound) > 2 * 8 / 32


@pytest.mark.parametrize(("frames", "time_pools"), [(24, 0), (24, 1), (23, 2), (5, 2)])
def test_a_step_shares_its_weight_among_its_frames(frames: int, time_pools: int) -> None:
    inputs, target = drawn(30, 1)
    fitted = CnnLstm(small(attention=True, epochs=1, frames=frames, time_pools=time_pools), 1).fit(inputs, target)
    weights = fitted.attention(inputs)
    assert weights.shape == (30, frames)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)
    for start in range(0, frames, 2**time_pools):
        step = weights[:, start : start + 2**time_pools]
        np.testing.assert_array_equal(step, np.repeat(step[:, :1], step.shape[1], axis=1))
    assert np.unique(weights[0].round(9)).size > 1
    assert fitted.attention(inputs.rows(np.arange(0))).shape == (0, frames)


def test_attention_is_the_same_after_loading_and_asked_in_vain_without() -> None:
    inputs, target = drawn(30, 1)
    settings = small(attention=True, epochs=2)
    fitted = CnnLstm(settings, 1).fit(inputs, target)
    before = fitted.scores(inputs)
    loaded = CnnLstm(settings).read(fitted.files())
    np.testing.assert_array_equal(loaded.attention(inputs), fitted.attention(inputs))
    # nothing is changed by asking
    np.testing.assert_array_equal(fitted.scores(inputs), before)
    with pytest.raises(ConfigError, match="train it with attention: true"):
        CnnLstm(small(epochs=1), 1).fit(inputs, target).attention(inputs)


def test_a_rows_scores_do_not_depend_on_what_stands_beside_it(kind: dict[str, Any]) -> None:
    inputs, target = drawn(60, 1)
    fitted = CnnLstm(small(epochs=2, **kind), 1).fit(inputs, target)
    together = fitted.scores(inputs)
    alone = np.concatenate([fitted.scores(inputs.rows(np.array([row]))) for row in range(10)])
    np.testing.assert_allclose(alone, together[:10], atol=1e-6)
    order = np.random.default_rng(2).permutation(60)
    np.testing.assert_allclose(fitted.scores(inputs.rows(order)), together[order], atol=1e-6)


def test_it_comes_back_from_its_files_and_the_seed_decides_them(kind: dict[str, Any]) -> None:
    inputs, target = drawn(40, 1)
    settings = small(epochs=2, **kind)
    fitted = CnnLstm(settings, 1).fit(inputs, target)
    files = fitted.files()
    loaded = MODELS[0].load(settings, files)
    np.testing.assert_array_equal(loaded.scores(inputs), fitted.scores(inputs))
    assert loaded.files() == files == CnnLstm(settings, 1).fit(inputs, target).files()
    assert files != CnnLstm(settings, 2).fit(inputs, target).files()


def test_labels_and_values_are_learned_too() -> None:
    inputs, target = drawn(80, 1)
    rises = (target == "class-1").astype(float)
    labels = CnnLstm(small(attention=True), 1).fit(inputs, np.stack([rises, 1 - rises], axis=1))
    assert ((labels.scores(inputs) > 0.5)[:, 0] == (rises > 0)).mean() > 0.9
    values = CnnLstm(small(attention=True), 1).fit(inputs, 10 * rises)
    assert np.corrcoef(values.scores(inputs)[:, 0], rises)[0, 1] > 0.8


def test_vectors_are_steps_of_one_band() -> None:
    inputs, target = drawn(160, 1, n_bands=13)
    vectors = as_vectors(inputs)
    fitted = CnnLstm(small(attention=True), 1).fit(vectors, target)
    assert accuracy(fitted, vectors, target) > 0.9
    assert fitted.attention(vectors).shape == (160, 13)


@pytest.mark.parametrize(
    "settings",
    [{"units": ()}, {"units": (3, 0)}, {"hidden": 0}, {"time_pools": 4}, {"time_pools": -1}, {"kernel": 0}],
)
def test_impossible_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must"):
        CnnLstmSettings(**settings)
