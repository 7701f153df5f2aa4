"""Frozen sentence vectors of an utterance and of its neighbours in the dialogue, by onnxruntime: PyTorch is not needed.

The middle layers of a sentence encoder hold more about emotion than its last, which is trained for meaning (as probing
finds for BERT: Tenney et al. 2019, "BERT rediscovers the classical NLP pipeline", ACL). A linear model over several
layers, with the neighbours' vectors and marks of who speaks, is trained in seconds and close to fine-tuned encoders.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import ConfigError
from tasks.features.base import sentence_encoder, sentence_files
from tasks.features.base.checkpoints import CheckpointKind
from tasks.features.base.extractor import Extractor, Transcript
from tasks.features.text.transcript import CleaningName, check_context, cleaner

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class DialogueVectorSettings:
    """Settings of an utterance's vectors and those of its neighbours.

    Args:
        checkpoint: `all-mpnet-base-v2` or `all-minilm-l6-v2` (`undertone weights fetch`), or a folder written by
            `save_pretrained` of a BERT, MPNet or their like
        precision: of the network: `int8` takes a quarter of the memory, and half of the time or less
        own_layers: of the encoder, from the end: -1 is the last; each layer's vector is the mean over tokens, scaled to
            length 1 / √(number of layers)
        context: number of earlier utterances of the dialogue
        after: number of later utterances, which an analysis of recordings has
        neighbour_layers: layers of their vectors
        neighbour_weight: length of their vectors, and mark of a neighbour by the same speaker
        cleaning: as in `TextSettings`
        batch_size: utterances per call; texts that occur more than once in it are encoded once
    """

    checkpoint_kind: ClassVar[CheckpointKind] = "text"
    checkpoint: str = sentence_files.MPNET
    precision: Literal["int8", "float32"] = "int8"
    own_layers: tuple[int, ...] = (-1,)
    context: int = 0
    after: int = 0
    neighbour_layers: tuple[int, ...] = (-1,)
    neighbour_weight: float = 0.5
    cleaning: CleaningName = "none"
    batch_size: int = 2048

    def __post_init__(self) -> None:
        check_context(self.context)
        if self.after < 0:
            raise ValueError(f"after is {self.after}; it counts later utterances and cannot be negative")
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}; it must be 1 or more")
        if not self.neighbour_weight > 0:
            raise ValueError(f"neighbour_weight must be above 0, found {self.neighbour_weight}")
        for name in ("own_layers", "neighbour_layers"):
            layers = getattr(self, name)
            if not layers or max(layers) >= 0 or len(set(layers)) < len(layers):
                raise ValueError(f"{name} must be distinct layers counted from the end, -1 the last; found {layers}")


class _DialogueVectors:
    """Encode utterances and their neighbours, each text once per call."""

    def __init__(self, settings: DialogueVectorSettings) -> None:
        self._settings, self._clean = settings, cleaner(settings.cleaning)
        self._encoder = sentence_encoder.load(sentence_files.find(settings.checkpoint, settings.precision))
        # -1 is the output of the last layer, number `n_layers`
        self._layers = sorted({*settings.own_layers, *settings.neighbour_layers})
        if self._encoder.n_layers + 1 + self._layers[0] < 0:
            raise ConfigError(
                f"layers: {self._layers[0]} is below the first of {settings.checkpoint}, which has "
                f"{self._encoder.n_layers} layers"
            )

    def __call__(self, batch: Sequence[Transcript]) -> list[Vector]:
        """Return one vector per utterance: its own layers; per neighbour its layers and the mark of its speaker.

        Args:
            batch: utterances with their neighbours
        """
        settings = self._settings
        neighbours = [self._neighbours(transcript) for transcript in batch]
        own = [self._clean(transcript.text) for transcript in batch]
        others = [slot[1] for slots in neighbours for slot in slots if slot is not None]
        texts = list(dict.fromkeys([*own, *others]))
        row = {text: number for number, text in enumerate(texts)}
        means = self._encoder.means(texts, [self._encoder.n_layers + 1 + layer for layer in self._layers])
        alone = self._scaled(means, settings.own_layers, 1.0)
        beside = self._scaled(means, settings.neighbour_layers, settings.neighbour_weight)
        none = np.zeros(beside.shape[1] + 1, dtype=np.float32)
        vectors = []
        for transcript, text, slots in zip(batch, own, neighbours, strict=True):
            parts = [alone[row[text]]]
            for slot in slots:
                if slot is None:
                    parts.append(none)
                else:
                    same = settings.neighbour_weight * (bool(slot[0]) and slot[0] == transcript.speaker)
                    parts.append(np.append(beside[row[slot[1]]], np.float32(same)))
            vectors.append(np.concatenate(parts))
        return vectors

    def _neighbours(self, transcript: Transcript) -> list[tuple[str, str] | None]:
        """Return (speaker, text) of the neighbours, the nearest first, earlier ones first; None where there is none."""
        before = transcript.before[::-1][: self._settings.context]
        after = transcript.after[: self._settings.after]
        slots: list[tuple[str, str] | None] = []
        for neighbours, wanted in ((before, self._settings.context), (after, self._settings.after)):
            slots += [(speaker, self._clean(text)) for speaker, text in neighbours]
            slots += [None] * (wanted - len(neighbours))
        return slots

    def _scaled(self, means: Vector, layers: Sequence[int], length: float) -> Vector:
        """Return the vectors of some layers side by side, of a given length, shape (n_texts, n_layers · width)."""
        chosen = means[:, [self._layers.index(layer) for layer in layers]]
        norms = np.maximum(np.linalg.norm(chosen, axis=2, keepdims=True), np.float32(1e-12))
        scaled = chosen / norms * np.float32(length / np.sqrt(len(layers)))
        return np.asarray(scaled.reshape(len(means), -1), dtype=np.float32)


def _start(settings: DialogueVectorSettings) -> Callable[[Sequence[Transcript]], list[Vector]]:
    return _DialogueVectors(settings)


EXTRACTORS = (
    Extractor(
        "dialogue-vectors",
        "frozen sentence vectors of an utterance and of its neighbours, without PyTorch",
        "text",
        "vector",
        DialogueVectorSettings,
        _start,
    ),
)
