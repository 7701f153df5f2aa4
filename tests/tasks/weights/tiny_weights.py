"""Small random weights in the formats of the packages: CTranslate2's model.bin, Resemblyzer's pretrained.pt."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TYPES = {"f4": 0, "i1": 1, "i2": 2, "i4": 3, "f2": 4}
LAYERS, WIDTH, MELS, POSITIONS, HEADS = 2, 16, 8, 30, 4


def text(value: str) -> bytes:
    content = value.encode() + b"\0"
    return struct.pack("<H", len(content)) + content


def ctranslate2(
    variables: Mapping[str, NDArray[Any]],
    aliases: Mapping[str, str] = {},
    *,
    version: int = 6,
    name: str = "WhisperSpec",
) -> bytes:
    """Return a model.bin."""
    out = struct.pack("<I", version) + text(name) + struct.pack("<II", 3, len(variables))
    for key, values in variables.items():
        out += text(key) + struct.pack("<B", values.ndim) + struct.pack(f"<{values.ndim}I", *values.shape)
        out += struct.pack("<BI", TYPES[values.dtype.str[1:]], values.nbytes) + values.tobytes()
    out += struct.pack("<I", len(aliases))
    for alias, key in aliases.items():
        out += text(alias) + text(key)
    return out


def whisper_variables(seed: int = 0, dtype: str = "<f2") -> dict[str, NDArray[Any]]:
    """Return the encoder of a small random Whisper model, named as CTranslate2 does."""
    rng = np.random.default_rng(seed)

    def drawn(*shape: int) -> NDArray[Any]:
        return (rng.normal(size=shape) * 0.3).astype(dtype)

    def norm(name: str) -> dict[str, NDArray[Any]]:
        return {f"{name}/gamma": (1 + drawn(WIDTH)).astype(dtype), f"{name}/beta": drawn(WIDTH)}

    variables = {
        "encoder/conv1/weight": drawn(WIDTH, MELS, 3),
        "encoder/conv1/bias": drawn(WIDTH),
        "encoder/conv2/weight": drawn(WIDTH, WIDTH, 3),
        "encoder/conv2/bias": drawn(WIDTH),
        "encoder/position_encodings/encodings": drawn(POSITIONS, WIDTH),
        "encoder/num_heads": np.array(HEADS, dtype="<i2"),
        "decoder/embeddings/weight": drawn(5, WIDTH),
        **norm("encoder/layer_norm"),
    }
    for layer in range(LAYERS):
        name = f"encoder/layer_{layer}"
        bias = drawn(3 * WIDTH)
        bias[WIDTH : 2 * WIDTH] = 0
        variables |= {
            **norm(f"{name}/self_attention/layer_norm"),
            f"{name}/self_attention/linear_0/weight": drawn(3 * WIDTH, WIDTH),
            f"{name}/self_attention/linear_0/bias": bias,
            f"{name}/self_attention/linear_1/weight": drawn(WIDTH, WIDTH),
            f"{name}/self_attention/linear_1/bias": drawn(WIDTH),
            **norm(f"{name}/ffn/layer_norm"),
            f"{name}/ffn/linear_0/weight": drawn(4 * WIDTH, WIDTH),
            f"{name}/ffn/linear_0/bias": drawn(4 * WIDTH),
            f"{name}/ffn/linear_1/weight": drawn(WIDTH, 4 * WIDTH),
            f"{name}/ffn/linear_1/bias": drawn(WIDTH),
        }
    return variables


def speaker_network(width: int = 6, mels: int = 5) -> Any:
    """Return a network with the layers of Resemblyzer's VoiceEncoder."""
    import torch

    torch.manual_seed(0)
    layers = {"lstm": torch.nn.LSTM(mels, width, 3, batch_first=True), "linear": torch.nn.Linear(width, width)}
    return torch.nn.ModuleDict(layers)


def save_speaker_network(network: Any, path: Path, *, legacy: bool = True) -> None:
    import torch

    content = {"step": 7, "model_state": network.state_dict(), "optimizer_state": {"state": {0: torch.ones(3)}}}
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
