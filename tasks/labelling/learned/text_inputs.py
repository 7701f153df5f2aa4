"""Inputs of a learned voter: means of the encoder's token states in some layers, and scores of lexicons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.features.base.sentence_encoder import SentenceEncoder
from tasks.labelling.base import registry

Inputs = NDArray[np.float32]
_SMALLEST = 1e-12


def default_layers(n_layers: int) -> tuple[int, ...]:
    """Return the layers that voters read: the one at two thirds of the depth, and the last.

    The last layer of a sentence encoder serves the similarity of topics; layers before it say more about sentiment.

    Args:
        n_layers: of the encoder
    """
    return tuple(sorted({max(1, round(2 * n_layers / 3)), n_layers}))


@dataclass(frozen=True)
class TextInputs:
    """Function from texts to a voter's inputs.

    Args:
        encoder: of sentences
        layers: whose means are used
        lexicons: names of shipped voters whose scores are used
    """

    encoder: SentenceEncoder
    layers: tuple[int, ...]
    lexicons: tuple[str, ...]

    @property
    def n_inputs(self) -> int:
        """Number of inputs of a text."""
        return len(self.layers) * self.encoder.width + 2 * len(self.lexicons)

    def of(self, texts: Sequence[str]) -> Inputs:
        """Return the inputs, shape (n_texts, n_inputs).

        Each layer's mean is scaled to length 1. A lexicon gives its score and the score's sign, both 0 where it
        abstains: many scores are exactly 0, and small ones differ from it more than large ones from each other.

        Args:
            texts: shape (n_texts,)
        """
        means = self.encoder.means(texts, self.layers)
        means /= np.maximum(np.linalg.norm(means, axis=2, keepdims=True), _SMALLEST)
        scores = [np.nan_to_num(registry.load(name).cast(texts).polarities) for name in self.lexicons]
        columns = [means.reshape(len(texts), -1), *(np.stack([score, np.sign(score)], axis=1) for score in scores)]
        return np.concatenate(columns, axis=1).astype(np.float32)
