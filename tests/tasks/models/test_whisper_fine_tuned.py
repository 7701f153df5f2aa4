"""Whisper's encoder, fine-tuned: states equal those of the extractor; a tiny one with random weights learns pitches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

import torch

from tasks.core.errors import ConfigError, InputError
from tasks.features.base import whisper_files
from tasks.features.base.extractor import Sound
from tasks.features.base.sequences import Sequences
from tasks.features.sound import whisper_spectrogram
from tasks.features.sound.whisper_encoder import WhisperEncoder
from tasks.models import whisper_fine_tuned
from tasks.models.base.estimator import Development, Inputs
from tasks.models.networks.whisper_classifier import WhisperClassifier
from tasks.models.whisper_fine_tuned import WhisperFineTuned, WhisperFineTunedSettings

TINY = "tiny:whisper"
CLASSES = np.array(["high", "low"])
PITCHES_HZ = {"high": 900.0, "low": 150.0}
(SPECTROGRAM,) = whisper_spectrogram.EXTRACTORS
RATE_HZ = 16_000


def block(frames: list[np.ndarray]) -> Inputs:
    lengths = np.array([len(rows) for rows in frames])
    steps = np.concatenate(frames).astype(np.float32)
    return Inputs(np.full(len(frames), "u"), sequences={"mel": Sequences(steps, lengths.cumsum() - lengths, lengths)})


def drawn(n: int = 16, seed: int = 5) -> tuple[Inputs, np.ndarray]:
    """Spectrograms of tones of 0.2 to 0.4 s with a little noise."""
    rng = np.random.default_rng(seed)
    target = np.resize(CLASSES, n)
    sounds = []
    for label in target:
        time_s = np.arange(rng.integers(3_200, 6_400)) / RATE_HZ
        tone = np.sin(2 * np.pi * (PITCHES_HZ[label] * rng.uniform(0.9, 1.1) * time_s + rng.uniform()))
        samples = 0.3 * tone + 0.02 * rng.standard_normal(time_s.size)
        sounds.append(Sound(samples.astype(np.float32), RATE_HZ))
    return block(SPECTROGRAM.start(SPECTROGRAM.settings())(sounds)), target


def small(**settings: Any) -> WhisperFineTunedSettings:
    plain = {"epochs": 6, "batch_size": 4, "accumulate": 1, "learning_rate": 1e-3, "head_learning_rate": 3e-3}
    return WhisperFineTunedSettings(checkpoint=TINY, **(plain | settings))


def fitted(inputs: Inputs, target: np.ndarray, **settings: Any) -> WhisperFineTuned:
    return WhisperFineTuned(small(**settings), 1).fit(inputs, target)


def right(model: WhisperFineTuned, inputs: Inputs, truth: np.ndarray) -> float:
    return float((CLASSES[model.scores(inputs).argmax(axis=1)] == truth).mean())


def test_it_learns_what_can_be_learned_and_nothing_else() -> None:
    inputs, target = drawn()
    unseen, truth = drawn(40, seed=6)
    model = WhisperFineTuned(small(), 1).fit(inputs, target, development=Development(*drawn(8, seed=7)))
    assert right(model, inputs, target) == 1
    assert right(model, unseen, truth) > 0.9
    assert "development_macro_f1" in model.curves_[0]
    # half of each class has the other label: pitch does not tell the two apart
    noise = np.where(np.arange(16) // 2 % 2, target, target[::-1])
    assert 0.25 <= right(fitted(inputs, noise), unseen, truth) <= 0.75


@pytest.mark.parametrize("n_trained", [0, 1, 2])
def test_states_are_those_of_the_extractor(project: Path, n_trained: int) -> None:
    file = whisper_files.onnx_file(TINY)
    assert file is not None
    extractor = WhisperEncoder(file)
    samples = np.random.default_rng(3).standard_normal(20_800)
    clip = Sound((0.1 * samples).astype(np.float32), RATE_HZ)
    (piece,) = extractor.pieces(clip, 30.0)
    (expected,) = extractor.states([piece], [2 - n_trained, 2])
    (frames,) = SPECTROGRAM.start(SPECTROGRAM.settings())([clip])
    np.testing.assert_array_equal(frames, piece.T)
    model = WhisperFineTuned(small(trained_layers=n_trained), 1)
    network: WhisperClassifier = model._loaded(model._measure(block([frames])), 2)
    with torch.inference_mode():
        states = network.lower(torch.from_numpy(frames))
        np.testing.assert_allclose(states.numpy(), expected[0], atol=1e-4)
        for layer in network.layers:
            states = layer(states[None], torch.ones(1, len(states), dtype=torch.bool))[0]
    np.testing.assert_allclose(states.numpy(), expected[1], atol=1e-4)


def test_trained_layers_change_and_those_below_do_not() -> None:
    inputs, target = drawn(8)
    before, _ = whisper_files.tensors_of(TINY)
    network = fitted(inputs, target, epochs=1, trained_layers=1).networks_[0]
    for name, weight in network.lower.state_dict().items():
        np.testing.assert_array_equal(weight.numpy(), before[name], err_msg=name)
    after = network.layers.state_dict()
    assert not np.array_equal(after["0.fc1.weight"].numpy(), before["layers.1.fc1.weight"])
    assert not np.array_equal(after["0.self_attn.q_proj.weight"].numpy(), before["layers.1.self_attn.q_proj.weight"])
    assert network.mix.detach().abs().sum() > 0


def test_a_rows_scores_do_not_depend_on_the_others() -> None:
    inputs, target = drawn()
    model = fitted(inputs, target, epochs=1)
    alone = np.concatenate([model.scores(inputs.rows(np.array([row]))) for row in range(16)])
    np.testing.assert_allclose(alone, model.scores(inputs), atol=1e-5)


def test_same_bytes_and_a_model_that_needs_no_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, target = drawn(8)
    model = fitted(inputs, target, epochs=2)
    files = model.files()
    # states that do not fit into memory are computed again
    monkeypatch.setattr(whisper_fine_tuned, "_MOST_KEPT", 600)
    assert fitted(inputs, target, epochs=2).files() == files
    monkeypatch.setattr(whisper_files, "tensors_of", None)
    state = torch.random.get_rng_state()
    loaded = whisper_fine_tuned.MODELS[0].load(small(epochs=2), files)
    assert torch.equal(torch.random.get_rng_state(), state)
    np.testing.assert_array_equal(loaded.scores(inputs), model.scores(inputs))
    assert loaded.files() == files
    assert model.embeddings(inputs).shape == (8, 32)


def test_lower_layers_learn_less() -> None:
    model = WhisperFineTuned(small(layer_decay=0.5, head_learning_rate=7e-3), 1)
    network = model._loaded(model._measure(drawn(2)[0]), 3)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    rates = {}
    for group in network.groups(1e-3):
        rates |= {names[id(parameter)]: (group["lr"], group.get("weight_decay")) for parameter in group["params"]}
    assert {name for name in names.values() if name.startswith("lower.")} == set(names.values()) - set(rates)
    assert rates["layers.1.fc1.weight"] == (1e-3, None)
    assert rates["layers.0.fc1.weight"] == (5e-4, None)
    assert rates["layers.0.fc1.bias"] == (5e-4, 0.0)
    assert rates["head.4.weight"] == (7e-3, None)
    assert rates["mix"] == (7e-3, 0.0)


def test_long_rows_keep_their_middle() -> None:
    model = WhisperFineTuned(small(max_duration_s=1.0), 1)
    frames = np.arange(150 * 80, dtype=np.float32).reshape(150, 80) / 1e4
    whole, middle = block([frames]), block([frames[25:125]])
    model.shape = model._measure(whole)
    batch, expected = (model.examples(inputs).batch(np.array([0])) for inputs in (whole, middle))
    assert batch["lengths"].tolist() == [50]
    np.testing.assert_array_equal(batch["states"], expected["states"])


def test_what_it_cannot_use_is_reported(tmp_path: Path) -> None:
    inputs, target = drawn(4)
    frames = Sequences(np.zeros((8, 40), np.float32), np.array([0, 4]), np.array([4, 4]))
    with pytest.raises(InputError, match=r"takes 80 bands.*found 40 numbers a step in log"):
        fitted(Inputs(np.full(2, "u"), sequences={"log": frames}), target[:2])
    with pytest.raises(InputError, match=r"one block.*found v"):
        fitted(Inputs(np.full(2, "u"), vectors={"v": np.zeros((2, 3))}), target[:2])
    with pytest.raises(ConfigError, match=r"trained_layers is 3; checkpoint tiny:whisper has 2 layers"):
        fitted(inputs, target, trained_layers=3)
    with pytest.raises(InputError, match="found no Whisper encoder"):
        whisper_files.tensors_of(str(tmp_path))
    for wrong in ({"trained_layers": -1}, {"layer_decay": 1.1}, {"max_duration_s": 31.0}, {"dropout": 1.5}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            small(**wrong)
