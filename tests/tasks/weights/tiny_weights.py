"""Small random weights in the formats of the packages: CTranslate2, Resemblyzer, and Hugging Face's text encoders."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
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


def text_encoder(folder: Path, texts: Iterable[str], family: str = "bert", seed: int = 0) -> Path:
    """Write a small random text encoder with a tokenizer of whole words, and return its folder."""
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    rng = np.random.default_rng(seed)

    def drawn(*shape: int) -> NDArray[np.float32]:
        return (rng.normal(size=shape) * 0.5).astype(np.float32)

    special = ["<s>", "<pad>", "</s>", "<unk>"] if family != "bert" else ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
    first, last, unknown = (special[0], special[2], special[3]) if family != "bert" else special[1:]
    words = sorted({word for text in texts for word in text.lower().split()})
    numbers = {word: number for number, word in enumerate([*special, *words])}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token=unknown))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}", special_tokens=[(first, numbers[first]), (last, numbers[last])]
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    padding = numbers["[PAD]" if family == "bert" else "<pad>"]
    config = {
        "model_type": family, "vocab_size": len(numbers), "hidden_size": WIDTH, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "intermediate_size": 2 * WIDTH, "layer_norm_eps": 1e-5, "pad_token_id": padding,
        "max_position_embeddings": POSITIONS, "hidden_act": "gelu", "type_vocab_size": 1,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    tensors = {"embeddings.word_embeddings": drawn(len(numbers), WIDTH)}
    tensors["embeddings.position_embeddings"] = drawn(POSITIONS, WIDTH)
    names = {"query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value"}
    joined, norm = "attention.output.dense", "attention.output.LayerNorm"
    if family == "mpnet":
        names = {"query": "attention.attn.q", "key": "attention.attn.k", "value": "attention.attn.v"}
        joined, norm = "attention.attn.o", "attention.LayerNorm"
        tensors["encoder.relative_attention_bias"] = drawn(32, HEADS)
    else:
        tensors["embeddings.token_type_embeddings"] = drawn(1, WIDTH)
    biases = {"embeddings.LayerNorm": WIDTH}
    tensors["embeddings.LayerNorm"] = 1 + drawn(WIDTH)
    for layer in range(LAYERS):
        sizes = dict.fromkeys((*names.values(), joined), (WIDTH, WIDTH))
        sizes |= {"intermediate.dense": (2 * WIDTH, WIDTH), "output.dense": (WIDTH, 2 * WIDTH)}
        for part, shape in sizes.items():
            tensors[f"encoder.layer.{layer}.{part}"] = drawn(*shape)
            biases[f"encoder.layer.{layer}.{part}"] = shape[0]
        for part in (norm, "output.LayerNorm"):
            tensors[f"encoder.layer.{layer}.{part}"] = 1 + drawn(WIDTH)
            biases[f"encoder.layer.{layer}.{part}"] = WIDTH
    content = {f"{name}.weight": values for name, values in tensors.items()}
    content |= {f"{name}.bias": drawn(size) for name, size in biases.items()}
    save_file(content, folder / "model.safetensors", metadata={"format": "pt"})
    return folder
