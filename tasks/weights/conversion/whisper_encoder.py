"""The encoder of OpenAI's Whisper, from CTranslate2's `model.bin` to safetensors and ONNX.

Radford et al. (2023), "Robust speech recognition via large-scale weak supervision", ICML, section 2.2: two convolutions
over a log-mel spectrogram, the second with a stride of 2; sinusoidal positions; transformer layers with normalisation
before each block; a last normalisation.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import InputError
from tasks.weights.conversion import ctranslate2_file
from tasks.weights.conversion.graph import OnnxGraph

Tensors = Mapping[str, NDArray[np.float32]]
_SPECIFICATION = "WhisperSpec"
_EPSILON = 1e-5
"""Of `torch.nn.LayerNorm`, which OpenAI's code uses."""
_CONVOLUTIONS = {f"conv{number}.{kind}": f"conv{number}/{kind}" for number in (1, 2) for kind in ("weight", "bias")}
_LAYER = {
    "self_attn_layer_norm.weight": "self_attention/layer_norm/gamma",
    "self_attn_layer_norm.bias": "self_attention/layer_norm/beta",
    "self_attn.out_proj.weight": "self_attention/linear_1/weight",
    "self_attn.out_proj.bias": "self_attention/linear_1/bias",
    "final_layer_norm.weight": "ffn/layer_norm/gamma",
    "final_layer_norm.bias": "ffn/layer_norm/beta",
    "fc1.weight": "ffn/linear_0/weight",
    "fc1.bias": "ffn/linear_0/bias",
    "fc2.weight": "ffn/linear_1/weight",
    "fc2.bias": "ffn/linear_1/bias",
}
"""Name in Hugging Face's `WhisperEncoder` → name in CTranslate2, both within a layer."""
_PROJECTIONS = ("q_proj", "k_proj", "v_proj")
"""Order in CTranslate2's joined projection."""


MODEL = "model.bin"
ENCODER, GRAPH = "encoder.safetensors", "encoder.onnx"


def convert(folder: Path) -> None:
    """Write `encoder.safetensors` and `encoder.onnx` beside `model.bin`.

    Args:
        folder: with a `model.bin` of CTranslate2

    Raises:
        InputError: as `tensors_of`
    """
    from safetensors.numpy import save_file

    tensors, n_heads = tensors_of(folder / MODEL)
    # one key: safetensors writes several in an order that changes from call to call
    save_file(tensors, folder / ENCODER, metadata={"format": "pt"})
    (folder / GRAPH).write_bytes(onnx_of(tensors, n_heads))


def tensors_of(path: Path) -> tuple[dict[str, NDArray[np.float32]], int]:
    """Return the encoder's tensors, float32, named as in Hugging Face's `WhisperEncoder`, and its number of heads.

    Args:
        path: `model.bin` of CTranslate2

    Raises:
        InputError: if it is damaged, or not of a Whisper model with float weights
    """
    model = ctranslate2_file.read(path)
    if model.specification != _SPECIFICATION:
        raise InputError(f"{path}: a model of {model.specification!r}; expected {_SPECIFICATION!r}")
    values = {
        name.removeprefix("encoder/"): array for name, array in model.variables.items() if name.startswith("encoder/")
    }
    try:
        return _renamed(values), int(values["num_heads"])
    except KeyError as error:
        raise InputError(
            f"{path}: no variable encoder/{error.args[0]}; expected a Whisper model, as in Systran/faster-whisper-base"
        ) from None
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None


def onnx_of(tensors: Tensors, n_heads: int) -> bytes:
    """Return the encoder as ONNX.

    Input `features`: log-mel, float32, shape (n_clips, n_mels, n_frames), of any number of frames up to twice the
    number of positions (30 s). Outputs, shape (n_clips, ⌈n_frames / 2⌉, width): `layer_0`, the input of the first
    transformer layer; `layer_1` …, the output of each layer; `final`, the last one normalised. The properties `heads`,
    `layers`, `mels`, `positions` and `width` describe the model.

    Args:
        tensors: as `tensors_of` returns them
        n_heads: number of attention heads in each layer
    """
    graph = OnnxGraph("whisper_encoder")
    n_layers = layers_of(tensors)
    width, n_mels, _ = tensors["conv1.weight"].shape
    _add_front(graph, tensors)
    for layer in range(n_layers):
        _add_layer(graph, tensors, layer, n_heads)
    _add_norm(graph, tensors, "layer_norm", f"layer_{n_layers}", "final")
    outputs = [*(f"layer_{number}" for number in range(n_layers + 1)), "final"]
    n_positions = tensors["embed_positions.weight"].shape[0]
    sizes = {"heads": n_heads, "layers": n_layers, "mels": n_mels, "positions": n_positions, "width": width}
    return graph.serialized(
        {"features": ["n_clips", n_mels, "n_frames"]},
        {name: ["n_clips", "n_states", width] for name in outputs},
        {key: str(value) for key, value in sizes.items()},
    )


def layers_of(tensors: Tensors) -> int:
    """Return the number of transformer layers.

    Args:
        tensors: as `tensors_of` returns them
    """
    return len({name.split(".")[1] for name in tensors if name.startswith("layers.")})


def _renamed(values: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    names = {
        **_CONVOLUTIONS,
        "embed_positions.weight": "position_encodings/encodings",
        "layer_norm.weight": "layer_norm/gamma",
        "layer_norm.bias": "layer_norm/beta",
    }
    tensors = {name: _float(values, original) for name, original in names.items()}
    n_layers = len(
        {name.split("/")[0] for name in values if name.startswith("layer_") and "/" in name} - {"layer_norm"}
    )
    for layer in range(n_layers):
        ours, theirs = f"layers.{layer}", f"layer_{layer}"
        tensors |= {f"{ours}.{name}": _float(values, f"{theirs}/{original}") for name, original in _LAYER.items()}
        tensors |= {f"{ours}.self_attn.{name}": part for name, part in _projections(values, theirs).items()}
    return tensors


def _projections(values: Mapping[str, NDArray[Any]], layer: str) -> dict[str, NDArray[np.float32]]:
    """Split CTranslate2's joined projection. The keys have no bias in Whisper: there, CTranslate2 stores zeros."""
    tensors: dict[str, NDArray[np.float32]] = {}
    for kind in ("weight", "bias"):
        joined = _float(values, f"{layer}/self_attention/linear_0/{kind}")
        parts = dict(zip(_PROJECTIONS, np.split(joined, 3), strict=True))
        if kind == "bias" and np.any(parts.pop("k_proj")):
            raise ValueError(f"encoder/{layer}: a bias of the keys, which Whisper does not have")
        tensors |= {f"{name}.{kind}": part for name, part in parts.items()}
    return tensors


def _float(values: Mapping[str, NDArray[Any]], name: str) -> NDArray[np.float32]:
    array = values[name]
    if array.dtype.kind != "f":
        raise ValueError(
            f"encoder/{name} is quantised ({array.dtype}); expected a model with float16 or float32 weights"
        )
    return np.asarray(array, dtype=np.float32)


def _add_front(graph: OnnxGraph, tensors: Tensors) -> None:
    states = "features"
    for name, stride in (("conv1", 1), ("conv2", 2)):
        weights = [graph.weight(f"{name}.{kind}", tensors[f"{name}.{kind}"]) for kind in ("weight", "bias")]
        states = graph.add(
            "Conv", [states, *weights], f"{name}.output", kernel_shape=[3], pads=[1, 1], strides=[stride]
        )
        states = graph.gelu(states, name)
    states = graph.add("Transpose", [states], "conv2.states", perm=[0, 2, 1])
    size = graph.add("Shape", [states], "n_states", start=1, end=2)
    first = graph.weight("first", [0], np.int64)
    positions = graph.weight("embed_positions.weight", tensors["embed_positions.weight"])
    # from the first position on, along the first axis
    used = graph.add("Slice", [positions, first, size, first], "positions")
    graph.add("Add", [states, used], "layer_0")


def _add_layer(graph: OnnxGraph, tensors: Tensors, layer: int, n_heads: int) -> None:
    states, prefix = f"layer_{layer}", f"layers.{layer}"
    normal = _add_norm(graph, tensors, f"{prefix}.self_attn_layer_norm", states, f"{prefix}.attention_input")
    attended = _add_attention(graph, tensors, f"{prefix}.self_attn", normal, n_heads)
    middle = graph.add("Add", [states, attended], f"{prefix}.middle")
    normal = _add_norm(graph, tensors, f"{prefix}.final_layer_norm", middle, f"{prefix}.feed_forward_input")
    wide = _add_linear(graph, tensors, f"{prefix}.fc1", normal)
    narrow = _add_linear(graph, tensors, f"{prefix}.fc2", graph.gelu(wide, f"{prefix}.fc1"))
    graph.add("Add", [middle, narrow], f"layer_{layer + 1}")


def _add_attention(graph: OnnxGraph, tensors: Tensors, name: str, states: str, n_heads: int) -> str:
    width = tensors[f"{name}.out_proj.weight"].shape[0]
    per_head = width // n_heads
    heads = graph.weight("split_heads", [0, 0, n_heads, per_head], np.int64)
    # the scale of the scores, 1 / sqrt(per_head), goes into the queries: fewer multiplications
    scale = np.float32(per_head**-0.5)
    scaled = {key: tensors[f"{name}.q_proj.{key}"] * scale for key in ("weight", "bias")}
    queries = graph.linear(states, scaled["weight"], scaled["bias"], f"{name}.q_proj")
    keys = graph.linear(states, tensors[f"{name}.k_proj.weight"], None, f"{name}.k_proj")
    values = _add_linear(graph, tensors, f"{name}.v_proj", states)
    by_head = {}
    for part, projected, axes in (("q", queries, [0, 2, 1, 3]), ("k", keys, [0, 2, 3, 1]), ("v", values, [0, 2, 1, 3])):
        split = graph.add("Reshape", [projected, heads], f"{name}.{part}_split")
        by_head[part] = graph.add("Transpose", [split], f"{name}.{part}_heads", perm=axes)
    scores = graph.add("MatMul", [by_head["q"], by_head["k"]], f"{name}.scores")
    weights = graph.add("Softmax", [scores], f"{name}.weights", axis=-1)
    mixed = graph.add("MatMul", [weights, by_head["v"]], f"{name}.mixed")
    joined = graph.add("Transpose", [mixed], f"{name}.joined", perm=[0, 2, 1, 3])
    flat = graph.add("Reshape", [joined, graph.weight("join_heads", [0, 0, width], np.int64)], f"{name}.flat")
    return _add_linear(graph, tensors, f"{name}.out_proj", flat)


def _add_linear(graph: OnnxGraph, tensors: Tensors, name: str, states: str) -> str:
    return graph.linear(states, tensors[f"{name}.weight"], tensors[f"{name}.bias"], name)


def _add_norm(graph: OnnxGraph, tensors: Tensors, name: str, states: str, output: str) -> str:
    weights = [graph.weight(f"{name}.{kind}", tensors[f"{name}.{kind}"]) for kind in ("weight", "bias")]
    return graph.add("LayerNormalization", [states, *weights], output, axis=-1, epsilon=_EPSILON)
