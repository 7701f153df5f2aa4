"""Pretrained text encoders: one vector per utterance, or one per token.

`text-embedding` with default settings equals sentence-transformers with all-MiniLM-L6-v2 (Reimers & Gurevych 2019,
"Sentence-BERT", EMNLP): mean over tokens, scaled to length 1. The source of `meld-text-audio` uses BERT's first token
(`pooling: cls`, `normalise: false`, `cleaning: source-code`) for its vectors and all hidden states for its LSTM, those
of the padding included (`padding: kept`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.features.base import checkpoints
from tasks.features.base.extractor import Extractor, Transcript
from tasks.features.text.transcript import CleaningName, check_context, cleaner, in_context

_FEWEST_TOKENS = 3
"""Two special tokens and one token of text."""
Vector = NDArray[np.float32]


@dataclass(frozen=True)
class TokenSettings:
    """Settings of token states.

    Args:
        checkpoint: a name or a path, see `tasks.features.base.checkpoints`
        cleaning: as in `TextSettings`
        context: number of earlier utterances of the dialogue to prepend, joined by the tokenizer's separator
        max_tokens: maximum length including special tokens, also bounded by the model; longer texts are cut at their
            end, or at their beginning if there is context, so that the utterance itself is kept
        batch_size: utterances per forward pass
    """

    checkpoint_kind: ClassVar[checkpoints.CheckpointKind] = "text"
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
    """Settings of one vector per utterance.

    Args:
        pooling: `mean`: mean of all tokens, special tokens included; `cls`: first token
        normalise: scale vectors to length 1
    """

    max_tokens: int = 128
    pooling: Literal["mean", "cls"] = "mean"
    normalise: bool = True


@dataclass(frozen=True)
class StatesSettings(TokenSettings):
    """Settings of one vector per token.

    Args:
        padding: `left-out`: states of tokens only; `kept`: every text has `max_tokens` states, those after its last
            token being what the encoder computes for padding
    """

    padding: Literal["left-out", "kept"] = "left-out"


class _TextEncoder:
    """Compute hidden states of a batch of texts, padded to the longest, or to the maximum."""

    def __init__(self, settings: TokenSettings, *, to_maximum: bool = False) -> None:
        self._padding = "max_length" if to_maximum else "longest"
        self._tokenizer, self._model = checkpoints.text_encoder(settings.checkpoint)
        self._tokenizer.truncation_side = "left" if settings.context else "right"
        self._max_tokens = min(settings.max_tokens, _limit(self._tokenizer, self._model.config))
        self._context = settings.context
        self._clean = cleaner(settings.cleaning)

    def __call__(self, batch: Sequence[Transcript]) -> tuple[Any, Any]:
        """Return hidden states and the mask of tokens that are not padding, as PyTorch tensors.

        Args:
            batch: utterances with their context

        Returns:
            states: float32, shape (n_texts, n_tokens, n_features); mask: bool, shape (n_texts, n_tokens)
        """
        import torch

        encoded = self._tokenizer(
            [self._text(transcript) for transcript in batch],
            padding=self._padding,
            truncation=True,
            max_length=self._max_tokens,
            return_tensors="pt",
        )
        with torch.inference_mode():
            states = self._model(**encoded).last_hidden_state
        return states, encoded["attention_mask"].bool()

    def _text(self, transcript: Transcript) -> str:
        separator = f" {self._tokenizer.sep_token or ''} "
        return in_context(transcript, self._context, separator, lambda _, text: self._clean(text))


def _limit(tokenizer: Any, config: Any) -> int:
    """Return the maximum number of tokens; RoBERTa's tokenizer already excludes its two padding positions."""
    return int(min(tokenizer.model_max_length, getattr(config, "max_position_embeddings", tokenizer.model_max_length)))


def _start_embedding(settings: EmbeddingSettings) -> Callable[[Sequence[Transcript]], list[Vector]]:
    encoder = _TextEncoder(settings)

    def embed(batch: Sequence[Transcript]) -> list[Vector]:
        states, mask = encoder(batch)
        pooled = states[:, 0] if settings.pooling == "cls" else _mean(states, mask)
        vectors: Vector = pooled.numpy().astype(np.float32)
        if settings.normalise:
            # the floor keeps zero vectors from becoming NaN
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))
        return list(vectors)

    return embed


def _mean(states: Any, mask: Any) -> Any:
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1)


def _start_states(settings: StatesSettings) -> Callable[[Sequence[Transcript]], list[Vector]]:
    kept = settings.padding == "kept"
    encoder = _TextEncoder(settings, to_maximum=kept)

    def states_of(batch: Sequence[Transcript]) -> list[Vector]:
        states, mask = encoder(batch)
        if kept:
            return list(states.numpy().astype(np.float32))
        return [row[keep].numpy().astype(np.float32) for row, keep in zip(states, mask, strict=True)]

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
        StatesSettings,
        _start_states,
    ),
)
