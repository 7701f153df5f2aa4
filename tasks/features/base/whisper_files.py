"""The files of a Whisper encoder: in the cache of weights, in a folder, or made from a folder's weights.

onnxruntime computes features from the ONNX file; PyTorch fine-tunes the tensors.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import code_version, paths, tables
from tasks.core.errors import InputError
from tasks.features.base import pickled_weights
from tasks.weights import store
from tasks.weights.conversion import whisper_encoder

TINY = "tiny:whisper"
"""A Whisper encoder with random weights."""
ENCODER = "encoder.onnx"
_TENSORS = "encoder.safetensors"
_HEAD_WIDTH = 64
"""Features of an attention head, in all sizes of Whisper."""
_WEIGHTS = pickled_weights.CONVERTED
_CONFIGURATION = "config.json"
_PREFIXES = ("model.encoder.", "encoder.", "")
"""Before the names of tensors, in checkpoints with a decoder, with a classifier's head, or of the encoder alone."""
_TINY_WIDTH, _TINY_HEADS, _TINY_LAYERS, _MELS, _POSITIONS = 32, 2, 2, 80, 1500
Tensors = dict[str, NDArray[np.float32]]


def onnx_file(checkpoint: str) -> Path | None:
    """Return the encoder of a Whisper checkpoint as ONNX; None for a checkpoint of another family.

    Args:
        checkpoint: `tiny:whisper`, a folder, or a name in the cache of weights: one with `encoder.onnx`, or one that
            Hugging Face's `save_pretrained` wrote

    Raises:
        InputError: if it is a name of the cache that is not there, or the folder's weights are not those of an encoder
    """
    if checkpoint == TINY:
        return _kept(f"tiny-whisper-{code_version.version(__name__)[:8]}", lambda: (_random(7), _TINY_HEADS))
    folder = _folder(checkpoint)
    if (folder / ENCODER).is_file():
        return folder / ENCODER
    configuration = _configuration(folder)
    if configuration.get("model_type") != "whisper":
        return None
    digest = pickled_weights.digest_of([folder / _CONFIGURATION, _weights(folder)])[:16]
    return _kept(f"whisper-{digest}", lambda: (_saved(folder), int(configuration["encoder_attention_heads"])))


def tensors_of(checkpoint: str) -> tuple[Tensors, int]:
    """Return the tensors of a Whisper encoder, float32, named as in Hugging Face's `WhisperEncoder`, and its heads.

    Args:
        checkpoint: as `onnx_file` takes it

    Raises:
        InputError: as `onnx_file`; or if it is a checkpoint of another family, or lacks the tensors
    """
    if checkpoint == TINY:
        return _random(7), _TINY_HEADS
    folder = _folder(checkpoint)
    if (folder / ENCODER).is_file():
        tensors = _read(folder, _TENSORS)
        return tensors, tensors["conv1.weight"].shape[0] // _HEAD_WIDTH
    configuration = _configuration(folder)
    if configuration.get("model_type") != "whisper":
        raise InputError(
            f"checkpoint {checkpoint}: found no Whisper encoder; expected whisper-base (undertone weights fetch), or "
            "the folder of a Whisper model written by save_pretrained"
        )
    return _saved(folder), int(configuration["encoder_attention_heads"])


def _folder(checkpoint: str) -> Path:
    folder = Path(checkpoint).expanduser()
    return store.folder(checkpoint) if checkpoint in store.FETCHABLE and not folder.is_dir() else folder


def _kept(name: str, made: Callable[[], tuple[Tensors, int]]) -> Path:
    """Return the file `name/encoder.onnx` among the converted checkpoints; writes it if it is not there."""
    target = paths.CHECKPOINTS.resolve() / name / ENCODER
    if not target.is_file():
        content = whisper_encoder.onnx_of(*made())
        with tables.whole(target) as part:
            part.write_bytes(content)
    return target


def _configuration(folder: Path) -> Mapping[str, Any]:
    try:
        content = json.loads((folder / _CONFIGURATION).read_bytes())
    except (OSError, ValueError, RecursionError):
        # whoever loads the checkpoint reports it
        return {}
    return content if isinstance(content, dict) else {}


def _weights(folder: Path) -> Path:
    if not (folder / _WEIGHTS).is_file():
        raise InputError(
            f"checkpoint {folder}: it lacks {_WEIGHTS}; expected a Whisper model written by save_pretrained"
        )
    return folder / _WEIGHTS


def _saved(folder: Path) -> Tensors:
    return _read(folder, _weights(folder).name)


def _read(folder: Path, name: str) -> Tensors:
    """Return the encoder's tensors of a safetensors file, float32, without their prefix."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        content = load_file(folder / name)
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise InputError(f"checkpoint {folder}: {name} cannot be read: {error}") from None
    prefix = next((prefix for prefix in _PREFIXES if f"{prefix}conv1.weight" in content), None)
    if prefix is None:
        raise InputError(f"checkpoint {folder}: {name} has no tensor …conv1.weight of a Whisper encoder")
    return {
        name.removeprefix(prefix): np.asarray(values, dtype=np.float32)
        for name, values in content.items()
        if name.startswith(prefix)
    }


def _random(seed: int) -> Tensors:
    rng = np.random.default_rng(seed)

    def drawn(*shape: int) -> NDArray[np.float32]:
        values: NDArray[np.float32] = (rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
        return values

    width = _TINY_WIDTH
    zeros, ones = np.zeros(width, dtype=np.float32), np.ones(width, dtype=np.float32)
    tensors = {
        "conv1.weight": drawn(width, _MELS, 3),
        "conv2.weight": drawn(width, width, 3),
        "conv1.bias": zeros,
        "conv2.bias": zeros,
        "embed_positions.weight": 0.1 * drawn(_POSITIONS, width),
        "layer_norm.weight": ones,
        "layer_norm.bias": zeros,
    }
    for layer in range(_TINY_LAYERS):
        inside: Tensors = {f"self_attn.{part}_proj.weight": drawn(width, width) for part in ("q", "k", "v", "out")}
        inside |= {f"self_attn.{part}_proj.bias": zeros for part in ("q", "v", "out")}
        inside |= {"fc1.weight": drawn(2 * width, width), "fc1.bias": np.zeros(2 * width, dtype=np.float32)}
        inside |= {"fc2.weight": drawn(width, 2 * width), "fc2.bias": zeros}
        for norm in ("self_attn_layer_norm", "final_layer_norm"):
            inside |= {f"{norm}.weight": ones, f"{norm}.bias": zeros}
        tensors |= {f"layers.{layer}.{name}": values for name, values in inside.items()}
    return tensors
