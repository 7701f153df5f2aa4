"""The GE2E speaker encoder of Resemblyzer, from its `pretrained.pt` to safetensors and ONNX.

Wan et al. (2018), "Generalized end-to-end loss for speaker verification", ICASSP: three LSTM layers over a mel
spectrogram; the last state of the last layer goes through a linear layer; the result has length 1. Resemblyzer
(`voice_encoder.py`) has a ReLU before the last step: no value of an embedding is negative.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import InputError
from tasks.weights.conversion import torch_file
from tasks.weights.conversion.graph import OnnxGraph

Tensors = Mapping[str, NDArray[np.float32]]
_STATE = "model_state"
_KINDS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
_LINEAR = ("linear.weight", "linear.bias")


MODEL = "pretrained.pt"
WEIGHTS, GRAPH = "model.safetensors", "model.onnx"


def convert(folder: Path) -> None:
    """Write `model.safetensors` and `model.onnx` beside `pretrained.pt`.

    Args:
        folder: with Resemblyzer's `pretrained.pt`

    Raises:
        InputError: as `tensors_of`
    """
    from safetensors.numpy import save_file

    tensors = tensors_of(folder / MODEL)
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / GRAPH).write_bytes(onnx_of(tensors))


def tensors_of(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return the encoder's tensors, float32, named as in Resemblyzer's `VoiceEncoder`.

    Args:
        path: Resemblyzer's `pretrained.pt`

    Raises:
        InputError: if it is damaged, or lacks a tensor
    """
    tensors = torch_file.read(path, _STATE)
    n_layers = layers_of(tensors)
    names = [*(f"lstm.{kind}_l{layer}" for layer in range(n_layers) for kind in _KINDS), *_LINEAR]
    if missing := [name for name in names if name not in tensors] or ([] if n_layers else ["lstm.weight_ih_l0"]):
        raise InputError(f"{path}: no tensor {missing[0]}; expected Resemblyzer's pretrained.pt")
    return {name: np.asarray(tensors[name], dtype=np.float32) for name in names}


def onnx_of(tensors: Tensors) -> bytes:
    """Return the encoder as ONNX.

    Input `mels`: mel powers (no logarithm), float32, shape (n_clips, n_frames, n_mels). Output `embedding`, shape
    (n_clips, width): not negative, of Euclidean length 1. Resemblyzer's frames are 25 ms long, 10 ms apart, at 16 kHz.

    Args:
        tensors: as `tensors_of` returns them
    """
    graph = OnnxGraph("speaker_encoder")
    # ONNX wants time first
    states = graph.add("Transpose", ["mels"], "frames", perm=[1, 0, 2])
    n_layers = layers_of(tensors)
    for layer in range(n_layers):
        states, last = _add_lstm(graph, tensors, layer, states)
    state = graph.add("Squeeze", [last, graph.weight("first_axis", [0], np.int64)], "state")
    linear = graph.linear(state, tensors["linear.weight"], tensors["linear.bias"], "linear")
    positive = graph.add("Relu", [linear], "positive")
    length = graph.add("ReduceL2", [positive], "length", axes=[1], keepdims=1)
    # silence may give zeros only
    graph.add("Div", [positive, graph.add("Max", [length, graph.weight("smallest", 1e-12)], "divisor")], "embedding")
    n_mels, width = tensors["lstm.weight_ih_l0"].shape[1], tensors["linear.bias"].shape[0]
    return graph.serialized(
        {"mels": ["n_clips", "n_frames", n_mels]},
        {"embedding": ["n_clips", width]},
        {"layers": str(n_layers), "mels": str(n_mels), "width": str(width)},
    )


def layers_of(tensors: Mapping[str, NDArray[np.generic]]) -> int:
    """Return the number of LSTM layers.

    Args:
        tensors: as `tensors_of` returns them
    """
    return sum(name.startswith("lstm.weight_ih_l") for name in tensors)


def _add_lstm(graph: OnnxGraph, tensors: Tensors, layer: int, states: str) -> tuple[str, str]:
    """Add an LSTM layer; return the names of its states, (n_frames, n_clips, width), and its last ones."""
    inner, outer, *biases = (_onnx_gates(tensors[f"lstm.{kind}_l{layer}"]) for kind in _KINDS)
    inputs = [
        graph.weight(f"lstm.{layer}.input", inner[np.newaxis]),
        graph.weight(f"lstm.{layer}.recurrence", outer[np.newaxis]),
        graph.weight(f"lstm.{layer}.bias", np.concatenate(biases)[np.newaxis]),
    ]
    outputs = [f"lstm.{layer}.by_direction", f"lstm.{layer}.last"]
    by_direction = graph.add("LSTM", [states, *inputs], outputs, hidden_size=outer.shape[1])
    axis = graph.weight("second_axis", [1], np.int64)
    return graph.add("Squeeze", [by_direction, axis], f"lstm.{layer}.states"), outputs[1]


def _onnx_gates(tensor: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a tensor with the gates in ONNX's order; PyTorch's is input, forget, cell, output."""
    entrance, forget, cell, output = np.split(tensor, 4)
    return np.concatenate([entrance, output, forget, cell])
