"""Near-duplicate sound by fingerprints, robust to level, sampling rate and codec.

Candidates are clips that share a whole 32-bit word of the fingerprint (the look-up of Haitsma & Kalker 2002, section
5). They are aligned at the offset of the shared word, and the bits of the overlap are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.leaks import pairing
from tasks.media.fingerprint import MIN_OVERLAP, QUIET

MAX_BIT_ERROR_RATE = 0.17
"""Threshold between copies of a clip and different takes. Measured on copies of 240 clips of RAVDESS and TESS, median
and maximum share of differing bits: 0.002 and 0.08 at −20 dB; 0.000 and 0.006 through 8 kHz; 0.012 and 0.04 through MP3
at 64 kbit/s; 0.05 and 0.14 through Opus at 24 kbit/s (all copies detected); 0.11 and 0.24 through Opus at 12 kbit/s
(205 of 240 detected). Two takes of a sentence by the same actor differ in at least 0.26 (540 pairs of RAVDESS), two
words in TESS's "Say the word …" in at least 0.19."""
_MIN_FRAMES = 12
"""Minimum overlap in frames, about a quarter of a second; a shorter one is no evidence."""
_CHUNK = 1_000
_WORDS_OF_A_PART = 1 << 20
"""Words are compared in parts, so that memory does not grow with the corpus; equal words are in the same part."""
_Words = NDArray[np.uint32]
_Near = tuple[int, int, float]


def near_duplicates(fingerprints: Sequence[_Words]) -> list[_Near]:
    """Return the pairs of clips that sound the same, in near-linear time.

    Args:
        fingerprints: one per clip, each of shape (n_frames,); empty ones match nothing

    Returns:
        number of a clip, number of a later clip, share of differing bits; sorted
    """
    if not fingerprints:
        return []
    sizes = np.array([fingerprint.size for fingerprint in fingerprints], dtype=np.int64)
    return near_runs(np.concatenate([np.asarray(words, dtype=np.uint32) for words in fingerprints]), sizes)


def near_runs(words: _Words, sizes: NDArray[np.int64]) -> list[_Near]:
    """Return what `near_duplicates` does, for fingerprints in one array, which is not copied.

    Args:
        words: the fingerprints, one after the other, shape (n_frames of all clips,)
        sizes: frames of each clip, shape (n_clips,)
    """
    if not words.size:
        return []
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    sounding = np.add.reduceat(np.append(words != QUIET, False), np.append(starts, words.size))[:-1] * (sizes > 0)
    keys = _Keys(sizes.size, int(sizes.max()))
    lowest: dict[tuple[int, int], float] = {}
    # in chunks: `_rates` needs memory for all frames of all its candidates
    for candidates in _candidates(words, starts, keys):
        for start in range(0, len(candidates), _CHUNK):
            chunk = keys.unpacked(candidates[start : start + _CHUNK])
            rates = _rates(chunk, words, starts, sizes, sounding)
            close = rates <= MAX_BIT_ERROR_RATE
            for (a, b, _), rate in zip(chunk[close].tolist(), rates[close], strict=True):
                lowest[a, b] = min(float(rate), lowest.get((a, b), 1.0))
    return sorted((a, b, rate) for (a, b), rate in lowest.items())


@dataclass(frozen=True)
class _Keys:
    """Candidates as one number each, which sort and compare twenty times as fast as rows of three.

    Args:
        n_clips: number of clips
        longest: frames of the longest clip
    """

    n_clips: int
    longest: int

    @property
    def _shape(self) -> tuple[int, int, int]:
        return self.n_clips, self.n_clips, 2 * self.longest + 1

    def packed(self, a: NDArray[Any], b: NDArray[Any], lag: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of pairs of clips `a` and `b`, whose second begins `lag` frames later in its sound."""
        numbers: NDArray[np.int64] = np.ravel_multi_index((a, b, lag + self.longest), self._shape)
        return numbers

    def unpacked(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return a, b and lag of numbers, shape (n, 3)."""
        rows: NDArray[np.int64] = np.stack(np.unravel_index(keys, self._shape), axis=1)
        rows[:, 2] -= self.longest
        return rows


def _candidates(words: _Words, starts: NDArray[np.int64], keys: _Keys) -> Iterator[NDArray[np.int64]]:
    """Yield pairs of clips that share a word, with the second clip's lag in frames, as sorted keys.

    In parts, without repeats in each. Few pairs share words of several parts; they are yielded with each of these.
    """
    n_parts = 1 + words.size // _WORDS_OF_A_PART
    part_of = np.empty(words.size, dtype=np.min_scalar_type(n_parts))
    np.remainder(words, n_parts, out=part_of, casting="unsafe")
    part_of[words == QUIET] = n_parts
    for part in range(n_parts):
        positions = np.flatnonzero(part_of == part)
        # the last clip that begins there or before: empty clips begin where the next one does
        clip = np.searchsorted(starts, positions, side="right") - 1
        frame = positions - starts[clip]
        pairs = [np.empty(0, dtype=np.int64)]
        for meeting in _meetings(words[positions]):
            left, right = (side[clip[meeting[0]] != clip[meeting[1]]] for side in meeting)
            pairs.append(keys.packed(clip[left], clip[right], frame[right] - frame[left]))
        candidates = np.sort(np.concatenate(pairs))
        yield candidates[np.diff(candidates, prepend=-1) > 0]


def _meetings(words: _Words) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield pairs of positions of the same word, the smaller one first, of words that few clips share."""
    order = np.argsort(words, kind="stable")
    sorted_words = words[order]
    edges = np.flatnonzero(np.diff(sorted_words, prepend=~sorted_words[:1], append=~sorted_words[-1:]))
    yield from pairing.of_runs(order, edges)


def _rates(
    candidates: NDArray[np.int64],
    words: _Words,
    starts: NDArray[np.int64],
    sizes: NDArray[np.int64],
    sounding: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the share of differing bits of each candidate, shape (n,); 1 where the overlap is too short."""
    a, b, lag = candidates.T
    first = np.maximum(0, -lag)
    lengths = np.minimum(sizes[a], sizes[b] - lag) - first
    ends = np.cumsum(lengths)
    # the overlaps of all candidates, one after the other in one array: `inside` counts from 0 within each
    inside = np.arange(ends[-1] if ends.size else 0) - np.repeat(ends - lengths, lengths)
    left = words[np.repeat(starts[a] + first, lengths) + inside]
    right = words[np.repeat(starts[b] + first + lag, lengths) + inside]
    meet = (left != QUIET) & (right != QUIET)
    wrong = np.where(meet, np.bitwise_count(left ^ right), 0)
    edges = ends - lengths
    n_meet = np.add.reduceat(meet, edges, dtype=np.int64) if ends.size else np.empty(0, dtype=np.int64)
    n_wrong = np.add.reduceat(wrong, edges, dtype=np.int64) if ends.size else np.empty(0, dtype=np.int64)
    enough = n_meet >= np.maximum(_MIN_FRAMES, MIN_OVERLAP * np.minimum(sounding[a], sounding[b]))
    rates: NDArray[np.float64] = np.where(enough, n_wrong / np.maximum(32 * n_meet, 1), 1.0)
    return rates
