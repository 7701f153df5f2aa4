"""Voice embeddings as text for table columns: 256 signed bytes in base64, and the threshold of the same voice."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LEAST_SPEECH_S = 10.0
"""Embeddings of less speech vary too much to be compared with those of other recordings."""
SAME_VOICE = 0.92
"""Cosine similarity from which on two embeddings are of the same voice: the middle between the most similar different
voices (0.89) and the least similar same voices (0.95) of simulated development videos."""


def encode(embedding: NDArray[np.float64]) -> str:
    """Return an embedding as text; its direction changes by less than 0.001 in cosine similarity.

    Args:
        embedding: shape (n_values,), not zero
    """
    scaled = np.round(embedding * (127 / np.abs(embedding).max())).astype(np.int8)
    return base64.b64encode(scaled.tobytes()).decode("ascii")


def decode(codes: Sequence[str]) -> NDArray[np.float32]:
    """Return the embeddings of texts, of length 1, shape (n_codes, n_values).

    Args:
        codes: from `encode`, all of the same length
    """
    if not codes:
        return np.empty((0, 0), np.float32)
    values = np.array([np.frombuffer(base64.b64decode(code), np.int8) for code in codes], dtype=np.float32)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    embeddings: NDArray[np.float32] = values / np.maximum(lengths, 1e-9)
    return embeddings
