"""The same sound twice: the same samples, or fingerprints that agree, at another level or rate or through a codec.

Candidates are clips that share a whole 32-bit word of the fingerprint, as Haitsma and Kalker (2002), section 5, look
clips up; they are then laid over each other at the offset at which the words met, and their bits compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.leaks import pairing
from tasks.media.fingerprint import MIN_OVERLAP, QUIET

MAX_BIT_ERROR_RATE = 0.17
"""Between copies and takes. Measured on 240 clips of RAVDESS and TESS; median and worst share of differing bits: 0.002
and 0.08 at −20 dB, 0.000 and 0.006 through 8 kHz, 0.012 and 0.04 through MP3 at 64 kbit/s, 0.05 and 0.14 through Opus
at 24 kbit/s, and all 240 copies are found; through Opus at 12 kbit/s (0.11 and 0.24), 205. Two takes of one sentence
by one actor differ in 0.26 or more (540 pairs of RAVDESS), two words in TESS's "Say the word …" in 0.19 or more."""
MIN_FRAMES = 12
"""Less than this much sound in common, about a quarter of a second, is no evidence."""
_AT_ONCE = 20_000
Words = NDArray[np.uint32]
Near = tuple[int, int, float]


def near_duplicates(fingerprints: Sequence[Words]) -> list[Near]:
    """Return the pairs of clips that sound the same, in near-linear time.

    Args:
        fingerprints: one per clip, each of shape (n_frames,); an empty one is compared with nothing

    Returns:
        number of a clip, number of a later one, share of bits that differ; sorted
    """
    sizes = np.array([one.size for one in fingerprints], dtype=np.int64)
    if not sizes.sum():
        return []
    words = np.concatenate([np.asarray(one, dtype=np.uint32) for one in fingerprints])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    clip = np.repeat(np.arange(sizes.size, dtype=np.int32), sizes)
    sounding = np.add.reduceat(np.append(words != QUIET, False), np.append(starts, words.size))[:-1] * (sizes > 0)
    candidates = _candidates(words, clip, starts)
    found: dict[tuple[int, int], float] = {}
    for at in range(0, len(candidates), _AT_ONCE):
        some = candidates[at : at + _AT_ONCE]
        rates = _rates(some, words, starts, sizes, sounding)
        for (a, b, _), rate in zip(
            some[rates <= MAX_BIT_ERROR_RATE].tolist(), rates[rates <= MAX_BIT_ERROR_RATE], strict=True
        ):
            found[a, b] = min(float(rate), found.get((a, b), 1.0))
    return sorted((a, b, rate) for (a, b), rate in found.items())


def _candidates(words: Words, clip: NDArray[np.int32], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return clips that share a word, and by how many frames the second lags, shape (n, 3), each once."""
    places = np.flatnonzero(words != QUIET)
    order = places[np.argsort(words[places], kind="stable")]
    sorted_words = words[order]
    edges = np.flatnonzero(np.diff(sorted_words, prepend=~sorted_words[:1], append=~sorted_words[-1:]))
    lengths = np.diff(edges)
    found = [np.empty((0, 3), dtype=np.int64)]
    # words that few clips have; all runs of one length at a time, as an array
    for length in range(2, pairing.MOST_IN_A_BUCKET + 1):
        runs = order[edges[:-1][lengths == length][:, None] + np.arange(length)]
        for i in range(length - 1):
            for j in range(i + 1, length):
                one, other = runs[:, i], runs[:, j]
                apart = clip[one] != clip[other]
                found.append(_lags(one[apart], other[apart], clip, starts))
    together = np.unique(np.concatenate(found), axis=0)
    return together


def _lags(
    one: NDArray[np.int64], other: NDArray[np.int64], clip: NDArray[np.int32], starts: NDArray[np.int64]
) -> NDArray[np.int64]:
    first, second = np.minimum(one, other), np.maximum(one, other)
    a, b = clip[first].astype(np.int64), clip[second].astype(np.int64)
    return np.stack([a, b, (second - starts[b]) - (first - starts[a])], axis=1)


def _rates(
    candidates: NDArray[np.int64],
    words: Words,
    starts: NDArray[np.int64],
    sizes: NDArray[np.int64],
    sounding: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the share of bits in which each candidate's two clips differ; 1 where too little of them meets."""
    a, b, lag = candidates.T
    first = np.maximum(0, -lag)
    lengths = np.minimum(sizes[a], sizes[b] - lag) - first
    ends = np.cumsum(lengths)
    inside = np.arange(ends[-1] if ends.size else 0) - np.repeat(ends - lengths, lengths)
    left = words[np.repeat(starts[a] + first, lengths) + inside]
    right = words[np.repeat(starts[b] + first + lag, lengths) + inside]
    meet = (left != QUIET) & (right != QUIET)
    wrong = np.where(meet, np.bitwise_count(left ^ right), 0)
    edges = ends - lengths
    n_meet = np.add.reduceat(meet, edges, dtype=np.int64) if ends.size else np.empty(0, dtype=np.int64)
    n_wrong = np.add.reduceat(wrong, edges, dtype=np.int64) if ends.size else np.empty(0, dtype=np.int64)
    enough = n_meet >= np.maximum(MIN_FRAMES, MIN_OVERLAP * np.minimum(sounding[a], sounding[b]))
    rates: NDArray[np.float64] = np.where(enough, n_wrong / np.maximum(32 * n_meet, 1), 1.0)
    return rates
