"""Tiny models in place of the weights: speech is any sound, and a voice is its mean spectrum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE_HZ = 16_000
BANDS_HZ = ((200, 600), (1_000, 1_800), (2_600, 3_600), (5_000, 7_000))


def write_models(folder: Path) -> None:
    """Write a detector and an encoder with the inputs and outputs of Silero VAD and GE2E."""
    import onnx
    from onnx import TensorProto, helper

    def save(path: Path, nodes: list, inputs: list, outputs: list, constants: dict[str, np.ndarray]) -> None:
        values = [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()]
        graph = helper.make_graph(nodes, path.parent.name, inputs, outputs, values)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        path.parent.mkdir(parents=True)
        path.write_bytes(model.SerializeToString())

    tensor = helper.make_tensor_value_info
    save(
        folder / "silero-vad" / "model.onnx",
        [
            helper.make_node("Mul", ["input", "input"], ["power"]),
            helper.make_node("ReduceMean", ["power"], ["mean"], axes=[1]),
            helper.make_node("Mul", ["mean", "gain"], ["loud"]),
            helper.make_node("Clip", ["loud", "zero", "one"], ["output"]),
            helper.make_node("Identity", ["state"], ["stateN"]),
        ],
        [
            tensor("input", TensorProto.FLOAT, [None, None]),
            tensor("state", TensorProto.FLOAT, [2, None, 128]),
            tensor("sr", TensorProto.INT64, []),
        ],
        [tensor("output", TensorProto.FLOAT, [None, 1]), tensor("stateN", TensorProto.FLOAT, [2, None, 128])],
        {
            "gain": np.array(5_000, np.float32),
            "zero": np.array(0, np.float32),
            "one": np.array(1, np.float32),
        },
    )
    save(
        folder / "ge2e-speaker-encoder" / "model.onnx",
        [
            helper.make_node("ReduceMean", ["mels"], ["mean"], axes=[1], keepdims=0),
            helper.make_node("Sqrt", ["mean"], ["root"]),
            helper.make_node("LpNormalization", ["root"], ["embedding"], axis=1, p=2),
        ],
        [tensor("mels", TensorProto.FLOAT, [None, None, 40])],
        [tensor("embedding", TensorProto.FLOAT, [None, 40])],
        {},
    )


def voiced(voices: Sequence[int | None], seconds: Sequence[float], seed: int = 1) -> np.ndarray:
    """Return noise in the band of each voice, one after the other; None is silence."""
    rng = np.random.default_rng(seed)
    pieces = []
    for voice, duration_s in zip(voices, seconds, strict=True):
        n_samples = round(duration_s * RATE_HZ)
        if voice is None:
            pieces.append(np.zeros(n_samples))
            continue
        spectrum = np.fft.rfft(rng.standard_normal(n_samples))
        hz = np.fft.rfftfreq(n_samples, 1 / RATE_HZ)
        low, high = BANDS_HZ[voice]
        band = np.fft.irfft(np.where((hz >= low) & (hz < high), spectrum, 0), n_samples)
        pieces.append(0.1 * band / band.std())
    return np.concatenate(pieces)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of weights with the tiny models."""
    folder = tmp_path / "weights"
    write_models(folder)
    monkeypatch.setenv("UNDERTONE_WEIGHTS", str(folder))
    return folder


@pytest.fixture
def recording(tmp_path: Path) -> Callable[..., Path]:
    """Write voices, one after the other, as a FLAC file."""

    def write(voices: Sequence[int | None], seconds: Sequence[float], name: str = "sound.flac") -> Path:
        path = tmp_path / name
        soundfile.write(path, voiced(voices, seconds), RATE_HZ, subtype="PCM_16")
        return path

    return write
