"""Text as a pretrained encoder sees it: one vector per utterance, or one per token.

`text-embedding` with its defaults is what sentence-transformers gives for all-MiniLM-L6-v2 (Reimers & Gurevych 2019,
"Sentence-BERT", EMNLP): the mean over tokens, of length 1. The source of `meld-text-audio` takes BERT's first token
(`pooling: cls`, `normalise: false`, `cleaning: source`) for its vectors and all hidden states for its LSTM; its states
run over padding, too, those of `token-states` don't.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.features.base import checkpoints
from tasks.features.base.extractor import Extractor, Transcript
from tasks.features.text.transcript import CleaningName, check_context, cleaned, in_context

_FEWEST_TOKENS = 3
"""The two special ones and one that says something."""
Vector = NDArray[np.float32]


@dataclass(frozen=True)
class TokenSettings:
    """Hidden states of tokens.

    Args:
        checkpoint: a name or a path, see `tasks.features.base.checkpoints`
        cleaning: as `text` has it
        context: how many earlier utterances of the dialogue stand before it, with the tokenizer's separator between
        max_tokens: what is longer is cut, special tokens included: at its end, or, where there is context, at the
            beginning, so that the utterance itself stays; a model's own limit holds as well
        batch_size: how many utterances run at once
    """

    checkpoint: str = checkpoints.DEFAULT_TEXT
    cleaning: CleaningName = "none"
    context: int = 0
    max_tokens: int = 64
    batch_size: int = 64

    def __post_init__(self) -> None:
        check_context(self.context)
        if self.max_tokens < _FEWEST_TOKENS:
            raise ValueError(f"max_tokens is {self.max_tokens}; at least {_FEWEST_TOKENS} are needed")
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}; it must be 1 or more")


@dataclass(frozen=True)
class EmbeddingSettings(TokenSettings):
    """One vector per utterance.

    Args:
        pooling: `mean` of all tokens, special ones included, or `cls`, the first token
        normalise: to a length of 1
    """

    max_tokens: int = 128
    pooling: Literal["mean", "cls"] = "mean"
    normalise: bool = True


class _TextEncoder:
    """Texts to hidden states, padded to the longest of the batch."""

    def __init__(self, settings: TokenSettings) -> None:
        self._tokenizer, self._model = checkpoints.text_encoder(settings.checkpoint)
        self._tokenizer.truncation_side = "left" if settings.context else "right"
        self._max_tokens = min(settings.max_tokens, _limit(self._tokenizer, self._model.config))
        self._context = settings.context
        self._cleaner = cleaned(settings.cleaning)

    def __call__(self, batch: Sequence[Transcript]) -> tuple[Any, Any]:
        """Return hidden states, shape (n_texts, n_tokens, n_features), and where tokens are real, (n_texts, n_tokens).

        Tensors of PyTorch, float32 and bool.
        """
        import torch

        encoded = self._tokenizer(
            [self._text(said) for said in batch],
            padding=True,
            truncation=True,
            max_length=self._max_tokens,
            return_tensors="pt",
        )
        with torch.inference_mode():
            states = self._model(**encoded).last_hidden_state
        return states, encoded["attention_mask"].bool()

    def _text(self, said: Transcript) -> str:
        separator = f" {self._tokenizer.sep_token or ''} "
        return in_context(said, self._context, separator, lambda _, text: self._cleaner(text))


def _limit(tokenizer: Any, config: Any) -> int:
    """How many tokens a model can read; RoBERTa's two positions for padding are known to its tokenizer."""
    return int(min(tokenizer.model_max_length, getattr(config, "max_position_embeddings", tokenizer.model_max_length)))


def _start_embedding(settings: EmbeddingSettings) -> Callable[[Sequence[Transcript]], list[Vector]]:
    encoder = _TextEncoder(settings)

    def embed(batch: Sequence[Transcript]) -> list[Vector]:
        states, real = encoder(batch)
        vectors = states[:, 0] if settings.pooling == "cls" else _mean(states, real)
        found: Vector = vectors.numpy().astype(np.float32)
        if settings.normalise:
            # a vector of zeros stays one
            found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), np.float32(1e-12))
        return list(found)

    return embed


def _mean(states: Any, real: Any) -> Any:
    weights = real.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1)


def _start_states(settings: TokenSettings) -> Callable[[Sequence[Transcript]], list[Vector]]:
    encoder = _TextEncoder(settings)

    def states_of(batch: Sequence[Transcript]) -> list[Vector]:
        states, real = encoder(batch)
        return [one[keep].numpy().astype(np.float32) for one, keep in zip(states, real, strict=True)]

    return states_of


EXTRACTORS = (
    Extractor(
        "text-embedding",
        "one vector per utterance from a pretrained text encoder",
        "text",
        "vector",
        EmbeddingSettings,
        _start_embedding,
    ),
    Extractor(
        "token-states",
        "the last hidden states of an utterance's tokens in a pretrained text encoder",
        "text",
        "sequence",
        TokenSettings,
        _start_states,
    ),
)
