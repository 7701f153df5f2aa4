"""The GE2E encoder: ONNX agrees with PyTorch, for random weights and the published ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.core.errors import InputError
from tasks.weights.conversion import speaker_encoder
from tests.tasks.weights import tiny_weights

torch = pytest.importorskip("torch")


def embedding(folder: Path, mels: NDArray[np.float32]) -> NDArray[np.float32]:
    import onnxruntime

    result: NDArray[np.float32] = onnxruntime.InferenceSession(folder / "model.onnx").run(None, {"mels": mels})[0]
    return result


def expected(network: Any, mels: NDArray[np.float32]) -> NDArray[np.float32]:
    with torch.no_grad():
        _, (last, _) = network["lstm"](torch.tensor(mels))
        positive = torch.relu(network["linear"](last[-1]))
        result: NDArray[np.float32] = (positive / positive.norm(dim=1, keepdim=True)).numpy()
    return result


def test_random_weights_agree_with_pytorch(tmp_path: Path) -> None:
    network = tiny_weights.speaker_network()
    tiny_weights.save_speaker_network(network, tmp_path / "pretrained.pt")
    speaker_encoder.convert(tmp_path)
    for n_clips, n_frames in ((1, 1), (4, 20)):
        mels = np.random.default_rng(3).random((n_clips, n_frames, 5), dtype=np.float32)
        np.testing.assert_allclose(embedding(tmp_path, mels), expected(network, mels), atol=1e-6)


def test_the_published_weights_agree_with_pytorch(fetched: Callable[[str], Path]) -> None:
    from safetensors.torch import load_file

    folder = fetched("ge2e-speaker-encoder")
    network = tiny_weights.speaker_network(256, 40)
    network.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    mels = np.random.default_rng(4).random((5, 160, 40), dtype=np.float32)
    result = embedding(folder, mels)
    np.testing.assert_allclose(result, expected(network, mels), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(result, axis=1), 1, atol=1e-5)


def test_dead_units_give_zeros_and_no_division_by_zero(tmp_path: Path) -> None:
    network = tiny_weights.speaker_network()
    with torch.no_grad():
        network["linear"].weight.zero_()
        network["linear"].bias.fill_(-1)
    tiny_weights.save_speaker_network(network, tmp_path / "pretrained.pt")
    speaker_encoder.convert(tmp_path)
    np.testing.assert_array_equal(embedding(tmp_path, np.ones((1, 3, 5), np.float32)), np.zeros((1, 6)))


def test_a_missing_tensor_is_an_error(tmp_path: Path) -> None:
    network = tiny_weights.speaker_network()
    state = {key: value for key, value in network.state_dict().items() if key != "linear.bias"}
    torch.save({"model_state": state}, tmp_path / "pretrained.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(InputError, match=r"no tensor linear\.bias"):
        speaker_encoder.convert(tmp_path)
