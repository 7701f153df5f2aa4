"""Files of text encoders of the families BERT, RoBERTa and MPNet, as `save_pretrained` writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import InputError

Tensors = Mapping[str, NDArray[np.float32]]
WEIGHTS, CONFIGURATION, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"
_BERT = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "joined": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "wide": "intermediate.dense",
    "narrow": "output.dense",
    "norm": "output.LayerNorm",
}
_MPNET = _BERT | {
    "query": "attention.attn.q",
    "key": "attention.attn.k",
    "value": "attention.attn.v",
    "joined": "attention.attn.o",
    "attention_norm": "attention.LayerNorm",
}
"""Name of a layer's part → its name in Hugging Face's model of the family."""
FAMILIES: Mapping[str, Mapping[str, str]] = {
    "bert": _BERT,
    "roberta": _BERT,
    "xlm-roberta": _BERT,
    "camembert": _BERT,
    "mpnet": _MPNET,
}
_OFFSET = frozenset({"roberta", "xlm-roberta", "camembert", "mpnet"})
"""Families whose positions begin after the number of the padding token."""
_PREFIXES = ("", "bert.", "roberta.", "mpnet.", "model.")
"""Before the names of tensors, in checkpoints of the encoder alone and of those with a head."""


@dataclass(frozen=True)
class TextModel:
    """The configuration of a text encoder.

    Args:
        family: a key of `FAMILIES`
        n_layers: number of transformer layers
        n_heads: number of attention heads in each
        epsilon: of the normalisations
        padding: number of the padding token
        buckets: of MPNet's distances; 0 for other families
    """

    family: str
    n_layers: int
    n_heads: int
    epsilon: float
    padding: int
    buckets: int

    @property
    def first_position(self) -> int:
        """Row of the first token's position in the table of positions."""
        return self.padding + 1 if self.family in _OFFSET else 0


def read(folder: Path) -> tuple[dict[str, NDArray[np.float32]], TextModel]:
    """Return the encoder's tensors, float32, without their prefix, and its configuration.

    Args:
        folder: with `model.safetensors` and `config.json`, as `save_pretrained` writes them

    Raises:
        InputError: if a file is missing or damaged, or the model is of another family
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    model = configuration(folder / CONFIGURATION)
    try:
        content = load_file(folder / WEIGHTS)
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise InputError(f"{folder / WEIGHTS}: cannot be read: {error}; expected the weights of a text model") from None
    word = "embeddings.word_embeddings.weight"
    prefix = next((prefix for prefix in _PREFIXES if f"{prefix}{word}" in content), None)
    if prefix is None:
        raise InputError(f"{folder / WEIGHTS}: no tensor …{word}; expected the weights of a {model.family} model")
    tensors = {
        name.removeprefix(prefix): np.asarray(values, dtype=np.float32)
        for name, values in content.items()
        if name.startswith(prefix)
    }
    if missing := [name for name in _needed(model) if name not in tensors]:
        raise InputError(f"{folder / WEIGHTS}: no tensor {missing[0]}, which {CONFIGURATION} asks for")
    return tensors, model


def configuration(path: Path) -> TextModel:
    """Return the configuration of a text encoder.

    Args:
        path: of `config.json`

    Raises:
        InputError: if it is missing or damaged, or the model is of another family
    """
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        family = content["model_type"]
        if family not in FAMILIES:
            raise InputError(
                f"{path}: a model of the family {family!r}; encoders of {', '.join(FAMILIES)} can be converted"
            )
        if (activation := content.get("hidden_act", "gelu")) != "gelu":
            raise InputError(f"{path}: its activation is {activation!r}; expected 'gelu'")
        return TextModel(
            family,
            int(content["num_hidden_layers"]),
            int(content["num_attention_heads"]),
            float(content["layer_norm_eps"]),
            int(content["pad_token_id"]),
            int(content.get("relative_attention_num_buckets", 32)) if family == "mpnet" else 0,
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path}: not the configuration of a text model ({type(error).__name__}: {error}); expected one that "
            "save_pretrained wrote"
        ) from None


def _needed(model: TextModel) -> list[str]:
    names = [f"embeddings.{part}" for part in ("position_embeddings.weight", "LayerNorm.weight", "LayerNorm.bias")]
    if model.family == "mpnet":
        names.append("encoder.relative_attention_bias.weight")
    parts = FAMILIES[model.family].values()
    return names + [
        f"encoder.layer.{layer}.{part}.{kind}"
        for layer in range(model.n_layers)
        for part in parts
        for kind in ("weight", "bias")
    ]
