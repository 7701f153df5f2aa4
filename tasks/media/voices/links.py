"""Link the voices of different recordings to persons: average linkage, never two voices of the same recording."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.media.voices import voice_codes

_FARTHEST = 2.0


def persons(embeddings: NDArray[np.float32], recordings: Sequence[str]) -> NDArray[np.int64]:
    """Return the number of each voice's person, shape (n_voices,); persons are numbered by their first voice.

    Args:
        embeddings: of length 1, shape (n_voices, n_values)
        recordings: the recording of each voice, shape (n_voices,)
    """
    if len(embeddings) < 2:
        return np.zeros(len(embeddings), dtype=np.int64)
    # imported only where it is needed: it takes a second
    from sklearn.cluster import AgglomerativeClustering

    recording = np.unique(np.array(recordings, dtype=str), return_inverse=True)[1].reshape(-1)
    similarities = embeddings.astype(np.float64) @ embeddings.T.astype(np.float64)
    distances = np.where(recording[:, None] == recording[None, :], _FARTHEST, np.clip(1 - similarities, 0, _FARTHEST))
    np.fill_diagonal(distances, 0)
    model = AgglomerativeClustering(
        n_clusters=None,
        distance_threshold=1 - voice_codes.SAME_VOICE,
        metric="precomputed",
        linkage="average",
    )
    labels = _apart(model.fit_predict(distances).astype(np.int64), recording, similarities)
    first = {label: place for place, label in reversed(list(enumerate(labels.tolist())))}
    order = {label: number for number, label in enumerate(sorted(first, key=lambda label: first[label]))}
    return np.array([order[label] for label in labels.tolist()], dtype=np.int64)


def _apart(
    labels: NDArray[np.int64], recording: NDArray[np.int64], similarities: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Keep one voice of each recording in a person, the one that is most similar to the person's other voices.

    Average linkage joins two voices of a recording if enough others are between them.
    """
    separate, following = labels.copy(), int(labels.max()) + 1
    for label in range(int(labels.max()) + 1):
        members = np.flatnonzero(labels == label)
        fit = similarities[np.ix_(members, members)].mean(axis=1)
        kept = set[int]()
        for place in np.argsort(-fit, kind="stable").tolist():
            voice = int(members[place])
            if int(recording[voice]) in kept:
                separate[voice], following = following, following + 1
            kept.add(int(recording[voice]))
    return separate
