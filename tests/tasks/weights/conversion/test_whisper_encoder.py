"""Whisper's encoder: ONNX and safetensors agree with transformers, for random weights and the published ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.core.errors import InputError
from tasks.weights.conversion import whisper_encoder
from tests.tasks.weights import tiny_weights
from tests.tasks.weights.tiny_weights import HEADS, LAYERS, MELS, POSITIONS, WIDTH


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    variables = tiny_weights.whisper_variables()
    aliases = {"decoder/projection/weight": "decoder/embeddings/weight"}
    (tmp_path / "model.bin").write_bytes(tiny_weights.ctranslate2(variables, aliases))
    whisper_encoder.convert(tmp_path)
    return tmp_path


def session(folder: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(folder / "encoder.onnx", options)


def ours(folder: Path, features: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    network = session(folder)
    names = [output.name for output in network.get_outputs()]
    return dict(zip(names, network.run(None, {"features": features}), strict=True))


def theirs(folder: Path, features: NDArray[np.float32], **sizes: int) -> list[NDArray[np.float32]]:
    """Hidden states of transformers' encoder with the same weights; the last one is normalised."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from safetensors.torch import load_file

    config = transformers.WhisperConfig(decoder_layers=1, decoder_ffn_dim=8, **sizes)
    encoder = transformers.WhisperModel(config).encoder.eval()
    weights = load_file(folder / "encoder.safetensors")
    n_positions = features.shape[2] // 2
    weights["embed_positions.weight"] = weights["embed_positions.weight"][:n_positions]
    encoder.load_state_dict(weights, strict=True)
    with torch.no_grad():
        states = encoder(torch.tensor(features), output_hidden_states=True)
    return [state.numpy() for state in (*states.hidden_states[:-1], states.last_hidden_state)]


def assert_close(mine: dict[str, NDArray[np.float32]], expected: list[NDArray[np.float32]], most: float) -> None:
    for layer, states in enumerate(expected[:-1]):
        # some channels are in the hundreds after layer 4 of the published weights
        scale = max(1.0, float(np.abs(states).max()))
        assert np.abs(mine[f"layer_{layer}"] - states).max() < 2e-5 * scale
    assert np.abs(mine["final"] - expected[-1]).max() < most


@pytest.mark.parametrize("n_frames", [2 * POSITIONS, 18])
def test_random_weights_agree_with_transformers(folder: Path, n_frames: int) -> None:
    features = np.random.default_rng(1).normal(size=(3, MELS, n_frames)).astype(np.float32)
    expected = theirs(
        folder,
        features,
        d_model=WIDTH,
        encoder_layers=LAYERS,
        encoder_attention_heads=HEADS,
        encoder_ffn_dim=4 * WIDTH,
        decoder_attention_heads=HEADS,
        num_mel_bins=MELS,
        max_source_positions=n_frames // 2,
    )
    assert len(expected) == LAYERS + 1
    assert_close(ours(folder, features), expected, 1e-4)


def test_the_published_weights_agree_with_transformers(fetched: Callable[[str], Path]) -> None:
    folder = fetched("whisper-base")
    features = np.random.default_rng(0).normal(size=(1, 80, 3000)).astype(np.float32) * np.float32(0.5)
    sizes = {"d_model": 512, "encoder_layers": 6, "encoder_attention_heads": 8, "encoder_ffn_dim": 2048}
    expected = theirs(folder, features, **sizes, decoder_attention_heads=8, num_mel_bins=80)
    assert_close(ours(folder, features), expected, 1e-3)


def test_any_number_of_frames_and_the_same_bytes_again(folder: Path) -> None:
    features = np.random.default_rng(2).normal(size=(1, MELS, 2 * POSITIONS)).astype(np.float32)
    for n_frames in (1, 2, 7, 2 * POSITIONS):
        states = ours(folder, features[:, :, :n_frames])
        assert [*states] == ["layer_0", "layer_1", "layer_2", "final"]
        assert {values.shape for values in states.values()} == {(1, (n_frames + 1) // 2, WIDTH)}
        again = ours(folder, features[:, :, :n_frames])
        assert all(states[name].tobytes() == again[name].tobytes() for name in states)


def test_the_model_describes_itself(folder: Path) -> None:
    properties = session(folder).get_modelmeta().custom_metadata_map
    assert properties == {"heads": "4", "layers": "2", "mels": "8", "positions": "30", "width": "16"}


def test_conversion_gives_the_same_bytes_again(folder: Path) -> None:
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    whisper_encoder.convert(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


@pytest.mark.parametrize(
    ("changes", "name", "why"),
    [
        ({}, "TransformerSpec", "a model of 'TransformerSpec'; expected 'WhisperSpec'"),
        ({"encoder/conv1/bias": None}, "WhisperSpec", "no variable encoder/conv1/bias"),
        ({"encoder/conv1/bias": np.zeros(WIDTH, "i1")}, "WhisperSpec", "conv1/bias is quantised"),
        (
            {"encoder/layer_0/self_attention/linear_0/bias": np.ones(3 * WIDTH, "<f2")},
            "WhisperSpec",
            "layer_0: a bias of the keys",
        ),
    ],
)
def test_other_models_are_rejected(tmp_path: Path, changes: dict[str, Any], name: str, why: str) -> None:
    variables = {**tiny_weights.whisper_variables(), **changes}
    present = {key: values for key, values in variables.items() if values is not None}
    (tmp_path / "model.bin").write_bytes(tiny_weights.ctranslate2(present, name=name))
    with pytest.raises(InputError, match=why):
        whisper_encoder.convert(tmp_path)
