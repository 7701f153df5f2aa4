"""The feed-forward network: the notebook's shape to the last parameter, vectors and flattened sequences alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from tasks.core.errors import InputError
from tasks.features.base.sequences import Sequences
from tasks.models.base import registry
from tasks.models.base.estimator import Inputs
from tasks.models.feed_forward import FeedForward, FeedForwardSettings

CLASSES = np.array(["anger", "joy", "sadness"])
SMALL = FeedForwardSettings(hidden=(8,), epochs=4, batch_size=16, learning_rate=0.02)


def frames(n: int = 120, n_frames: int = 4, seed: int = 5) -> tuple[Sequences, np.ndarray]:
    """Sequences of one length, float16 on disk or float32, three classes apart in their first feature."""
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(3), rng.integers(0, 3, n - 3)])
    steps = rng.standard_normal((n * n_frames, 3)).astype(np.float32)
    steps[:, 0] += 3 * np.repeat(codes, n_frames)
    return Sequences(steps, np.arange(n) * n_frames, np.full(n, n_frames)), CLASSES[codes]


def test_it_has_the_notebooks_parameters() -> None:
    """Counted without being made: 33.6 million would take 128 MB."""
    import torch

    with torch.device("meta"):
        network = FeedForward(FeedForwardSettings())._build({"n_features": 1024 * 128}, 3, fitting=True)
    trained = sum(parameter.numel() for parameter in network.parameters())
    averages = sum(
        parameter.numel() for name, parameter in network.named_buffers() if name.startswith("layers") and parameter.ndim
    )
    assert trained == 33_588_739
    assert trained + averages == 33_589_507
    kinds = [type(module).__name__ for module in network.layers]
    assert kinds == [*["Linear", "ReLU", "BatchNorm1d", "Dropout"] * 2, "Linear"]
    assert (network.layers[3].p, FeedForwardSettings().learning_rate, FeedForwardSettings().optimiser) == (
        0.2,
        1e-3,
        "adam",
    )


def test_sequences_of_one_length_are_flattened_and_read_from_disk(tmp_path: Path) -> None:
    sequences, target = frames()
    np.save(tmp_path / "steps.npy", sequences.steps)
    mapped = Sequences(np.load(tmp_path / "steps.npy", mmap_mode="r"), sequences.starts, sequences.lengths)
    units = np.full(120, "u")
    flat = FeedForward(SMALL, 1).fit(Inputs(units, {"f": sequences.steps.reshape(120, 12)}), target)
    model = FeedForward(SMALL, 1).fit(Inputs(units, sequences={"f": mapped}), target)
    np.testing.assert_array_equal(
        model.scores(Inputs(units, sequences={"f": mapped})),
        flat.scores(Inputs(units, {"f": sequences.steps.reshape(120, 12)})),
    )
    unseen, truth = frames(seed=6)
    scores = model.scores(Inputs(units, sequences={"f": unseen}))
    assert (CLASSES[scores.argmax(axis=1)] == truth).mean() > 0.8


def test_blocks_stand_side_by_side() -> None:
    sequences, target = frames()
    rng = np.random.default_rng(1)
    inputs = Inputs(np.full(120, "u"), {"a": rng.standard_normal((120, 2)), "b": np.ones((120, 1))}, {"s": sequences})
    model = FeedForward(SMALL, 1).fit(inputs, target)
    assert model.shape == {"n_features": 2 + 1 + 4 * 3}
    assert model.scores(inputs).shape == (120, 3)


def test_a_model_comes_back_from_its_files() -> None:
    sequences, target = frames()
    inputs = Inputs(np.full(120, "u"), sequences={"f": sequences})
    fitted = FeedForward(SMALL, 1).fit(inputs, target)
    files = fitted.files()
    assert set(files) == {"weights.safetensors", "model.json"}
    loaded = registry.model("feed-forward").load(SMALL, files)
    np.testing.assert_array_equal(loaded.scores(inputs), fitted.scores(inputs))
    assert loaded.outputs_ == ("anger", "joy", "sadness")
    assert loaded.curves_ == fitted.curves_
    assert loaded.files() == files
    assert loaded.scores(inputs.rows(np.arange(0))).shape == (0, 3)
    np.testing.assert_allclose(loaded.scores(inputs).sum(axis=1), 1)


def test_a_batch_of_one_row_does_not_come_up() -> None:
    sequences, target = frames(33)
    inputs = Inputs(np.full(33, "u"), sequences={"f": sequences})
    assert np.isfinite(FeedForward(SMALL, 1).fit(inputs, target).scores(inputs)).all()


def test_without_hidden_layers_it_is_linear() -> None:
    sequences, target = frames()
    inputs = Inputs(np.full(120, "u"), sequences={"f": sequences})
    fitted = FeedForward(FeedForwardSettings(hidden=(), epochs=2), 1).fit(inputs, target)
    assert [name for name, _ in fitted.networks_[0].named_parameters()] == ["layers.0.weight", "layers.0.bias"]


def test_what_it_cannot_take_is_told() -> None:
    sequences, target = frames()
    ragged = Sequences(sequences.steps, sequences.starts, np.arange(120) % 4 + 1)
    with pytest.raises(InputError, match="those of f have 1 to 4 steps"):
        FeedForward(SMALL).fit(Inputs(np.full(120, "u"), sequences={"f": ragged}), target)
    fitted = FeedForward(SMALL, 1).fit(Inputs(np.full(120, "u"), sequences={"f": sequences}), target)
    with pytest.raises(ValueError, match=r"expected features of shape \(n_rows, 12\), found \(120, 2\)"):
        fitted.scores(Inputs(np.full(120, "u"), {"f": np.ones((120, 2))}))


@pytest.mark.parametrize("settings", [{"hidden": (8, 0)}, {"dropout": 1.0}, {"batch_size": 1}])
def test_impossible_settings_are_refused(settings: dict) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must be"):
        FeedForwardSettings(**settings)


def test_a_linear_layer_with_dropout_of_its_inputs() -> None:
    import torch

    settings = FeedForwardSettings(hidden=(), input_dropout=0.5, batch_size=1)
    network = FeedForward(settings)._build({"n_features": 1024}, 4, fitting=True)
    assert {name: tuple(parameter.shape) for name, parameter in network.named_parameters()} == {
        "layers.0.weight": (4, 1024),
        "layers.0.bias": (4,),
    }
    assert network.input_dropout.p == 0.5
    features = torch.ones(1, 1024)
    with torch.no_grad():
        assert not torch.equal(network.train()(features), network(features))
        torch.testing.assert_close(network.eval()(features), network.layers(features))


def test_every_row_is_a_step_of_its_own() -> None:
    sequences, target = frames(9)
    rows = Inputs(np.full(9, "u"), {"f": sequences.steps.reshape(9, 12)})
    settings = FeedForwardSettings(hidden=(), batch_size=1, epochs=1, batch_norm=False)
    from tasks.models.training import batches

    steps = batches.shuffled(9, 1, None, 1, 0)
    assert [step.size for step in steps] == [1] * 9
    assert np.isfinite(FeedForward(settings, 1).fit(rows, target).scores(rows)).all()
