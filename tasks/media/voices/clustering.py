"""Group stretches of speech by voice: average linkage on cosine distances, with a threshold fitted to the recording.

Recordings differ in how much a voice varies: read and synthetic speech little, acted speech much. The threshold is
twice the distance of neighbouring stretches, most of which have the same voice (their 20th percentile), within limits.
All constants were chosen on simulated conversations and on recordings of RAVDESS's actors 1 to 9 (docs/speakers.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHORTEST_STRETCH_S = 0.8
"""Shorter stretches are assigned to a voice, but do not make one."""
LEAST_SPEECH_S = 3.0
"""A voice with less speech is not counted as one: its stretches go to the most similar other voice."""
LITTLE_SPEECH_S = 15.0
"""A cluster with less speech is joined to a similar one."""
_JOINED, _JOINED_BY_SECOND, _JOINED_LEAST, _JOINED_MOST = 0.72, 0.016, 0.79, 0.87
"""Similarity from which on it is joined: higher with more speech, whose embedding is less noisy."""
MOST_STRETCHES = 2_000
"""So many are clustered, evenly spaced, since distances take memory in their square; the others are assigned."""
_PERCENTILE, _FACTOR, _LOWEST, _HIGHEST = 20, 2.0, 0.2, 0.4
_ROUNDS = 2
SAME, DIFFERENT, OPEN = 1, -1, 0
"""Relation of two stretches, by the captions."""
_FARTHEST = 2.0

Embeddings = NDArray[np.float64]


def unit(vectors: NDArray[np.floating]) -> Embeddings:
    """Return vectors scaled to length 1.

    Args:
        vectors: shape (…, n_values)
    """
    scaled: Embeddings = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return scaled


def voices(stretches: Embeddings, seconds: NDArray[np.float64], related: NDArray[np.int8] | None = None) -> Embeddings:
    """Return the embedding of each voice, shape (n_voices, n_values).

    Args:
        stretches: embeddings of length 1, in order of time, shape (n_stretches, n_values), at least one
        seconds: their durations, shape (n_stretches,)
        related: `SAME`, `DIFFERENT` or `OPEN` for each pair, shape (n_stretches, n_stretches)
    """
    long = np.flatnonzero(seconds >= SHORTEST_STRETCH_S)
    long = long if long.size > 1 else np.arange(len(stretches))
    threshold = _threshold(stretches[long])
    if long.size > MOST_STRETCHES:
        long = long[np.linspace(0, long.size - 1, MOST_STRETCHES).round().astype(np.int64)]
    labels = _clusters(stretches[long], threshold, None if related is None else related[np.ix_(long, long)])
    centres = _centres(stretches[long], seconds[long], labels, labels.max() + 1)
    spoken_s = np.bincount(labels, seconds[long]).astype(np.float64)
    # the voice with the most speech stays even if that is little
    kept = spoken_s >= min(LEAST_SPEECH_S, float(spoken_s.max()))
    apart = np.zeros((len(centres), len(centres)), dtype=bool)
    if related is not None:
        members = np.eye(len(centres))[labels]
        # captions mark more pairs of their stretches as different than as the same
        apart = members.T @ related[np.ix_(long, long)] @ members < 0
    centres = _joined(centres[kept], spoken_s[kept], apart[np.ix_(kept, kept)])
    for _ in range(_ROUNDS):
        nearest = (stretches @ centres.T).argmax(axis=1)
        moved = _centres(stretches, seconds, nearest, len(centres))
        centres = np.where(np.isin(np.arange(len(centres)), nearest)[:, None], moved, centres)
    return centres


def _joined(centres: Embeddings, spoken_s: NDArray[np.float64], apart: NDArray[np.bool_]) -> Embeddings:
    """Join clusters with little speech to similar ones, smallest first: short questions are unlike long answers.

    Args:
        centres: embedding of each cluster, shape (n_clusters, n_values)
        spoken_s: its speech in seconds, shape (n_clusters,)
        apart: pairs that captions keep apart, shape (n_clusters, n_clusters)
    """
    centres, spoken_s = centres.copy(), spoken_s.copy()
    for small in np.argsort(spoken_s, kind="stable").tolist():
        similarity = np.where(apart[small], -1, centres @ centres[small])
        similarity[small] = -1
        nearest = int(similarity.argmax())
        if spoken_s[small] < LITTLE_SPEECH_S and similarity[nearest] >= _enough(spoken_s[small]):
            pair = [small, nearest]
            centres[nearest] = unit((centres[pair] * spoken_s[pair, None]).sum(axis=0))
            spoken_s[nearest] += spoken_s[small]
            centres[small], spoken_s[small] = 0, 0
    return centres[spoken_s > 0]


def _enough(spoken_s: float) -> float:
    return float(np.clip(_JOINED + _JOINED_BY_SECOND * spoken_s, _JOINED_LEAST, _JOINED_MOST))


def _threshold(stretches: Embeddings) -> float:
    if len(stretches) < 2:
        return _LOWEST
    neighbours = 1 - (stretches[1:] * stretches[:-1]).sum(axis=1)
    return float(np.clip(_FACTOR * np.percentile(neighbours, _PERCENTILE), _LOWEST, _HIGHEST))


def _clusters(stretches: Embeddings, threshold: float, related: NDArray[np.int8] | None) -> NDArray[np.int64]:
    from sklearn.cluster import AgglomerativeClustering

    if len(stretches) < 2:
        return np.zeros(len(stretches), dtype=np.int64)
    distances = np.clip(1 - stretches @ stretches.T, 0, _FARTHEST)
    if related is not None:
        distances = np.where(related == SAME, 0, np.where(related == DIFFERENT, _FARTHEST, distances))
    model = AgglomerativeClustering(
        n_clusters=None, distance_threshold=threshold, metric="precomputed", linkage="average"
    )
    labels: NDArray[np.int64] = model.fit_predict(distances).astype(np.int64)
    return labels


def _centres(stretches: Embeddings, seconds: NDArray[np.float64], labels: NDArray[np.int64], n: int) -> Embeddings:
    weighted = np.zeros((n, stretches.shape[1]))
    np.add.at(weighted, labels, stretches * seconds[:, None])
    return unit(weighted)
