"""Voices that are in both parts of a fold, by their embeddings: the same person in two videos."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tasks.leaks.sides import Matches, Rows, Sides, codes
from tasks.media.voices import voice_codes

_CHUNK = 1_000


def crossing(voices: Sequence[str | None], sides: Sides) -> list[Matches]:
    """Return each fold's test rows whose voice is similar to one of its training part, with a row of the most similar.

    Args:
        voices: embedding of each row's voice, from `voice_codes.encode`; None: unknown; shape (n_rows,)
        sides: the folds
    """
    numbers = codes(voices)
    distinct = sorted({code for code in voices if code})
    embeddings = voice_codes.decode(distinct) if distinct else np.empty((0, 0), np.float32)
    crossing = []
    for split in sides.splits:
        train, test = (np.unique(numbers[part][numbers[part] >= 0]) for part in (split.train, split.test))
        partner = np.full(len(distinct) + 1, -1, dtype=np.int64)
        if train.size:
            # in chunks: all similarities at once would take memory in the square of the number of voices
            for start in range(0, test.size, _CHUNK):
                chunk = test[start : start + _CHUNK]
                similarities = embeddings[chunk] @ embeddings[train].T
                nearest = similarities.argmax(axis=1)
                same = similarities[np.arange(chunk.size), nearest] >= voice_codes.SAME_VOICE
                partner[chunk[same]] = train[nearest[same]]
        crossing.append(_matches(numbers, partner, split.train, split.test))
    return crossing


def _matches(numbers: Rows, partner: Rows, train: Rows, test: Rows) -> Matches:
    """Return the test rows whose voice has a partner, and the first training row of that partner."""
    first = np.full(partner.size, -1, dtype=np.int64)
    # reversed: of several rows with a voice, the first is assigned last and stays
    first[numbers[train][::-1]] = train[::-1]
    # the number -1 of rows without a voice addresses the last element of `partner`, which has none
    voice = partner[numbers[test]]
    return Matches(test[voice >= 0], first[voice[voice >= 0]])
