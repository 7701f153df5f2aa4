"""Statistics of the votes: agreement in sign between voters, and a histogram of their mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.core import tables

NONE = "no label"
N_BINS = 21


class VoterPair(NamedTuple):
    """Agreement of two voters: utterances that both judge, and to which neither gives 0, and of these the same sign."""

    first: str
    second: str
    n: int
    agree: int
    n_decided: int
    agree_decided: int


class ScoreHistogram(NamedTuple):
    """Mean votes: edges of the bins, shape (N_BINS + 1,), and class, or `NONE` → utterances per bin."""

    edges: tuple[float, ...]
    counts: Mapping[str, tuple[int, ...]]

    @property
    def n(self) -> int:
        """Number of utterances."""
        return sum(map(sum, self.counts.values()))


def pairs(votes: Sequence[Mapping[str, float]]) -> tuple[VoterPair, ...]:
    """Compare all pairs of voters that both voted on an utterance; voters of different languages never do.

    Args:
        votes: voter → polarity, one mapping per utterance
    """
    voters = sorted({voter for by_voter in votes for voter in by_voter})
    compared = (_pair(votes, first, second) for first, second in combinations(voters, 2))
    return tuple(pair for pair in compared if pair.n)


def histogram(scores: Sequence[float], sentiments: Sequence[str | None]) -> ScoreHistogram:
    """Count mean votes in bins, separately for each resulting label.

    Args:
        scores: mean votes, shape (n,)
        sentiments: resulting labels, None where there is none, shape (n,)
    """
    edges = np.linspace(-1.05, 1.05, N_BINS + 1)
    labels = np.array([label or NONE for label in sentiments], dtype=str)
    values = np.array(scores, dtype=float)
    counts = {name: np.histogram(values[labels == name], edges)[0].tolist() for name in (*tables.SENTIMENTS, NONE)}
    return ScoreHistogram(tuple(edges.round(10).tolist()), {name: tuple(in_bins) for name, in_bins in counts.items()})


def decided(votes: pa.Table, eligible: frozenset[str]) -> pa.Table:
    """Return the votes with a score on utterances that have a segment.

    Args:
        votes: table VOTES
        eligible: ids of the utterances with a segment
    """
    ids = pa.array(sorted(eligible), pa.string())
    return votes.filter(pc.is_in(votes["utterance_id"], ids)).filter(pc.field("score").is_valid())


def _pair(votes: Sequence[Mapping[str, float]], first: str, second: str) -> VoterPair:
    both = [(by_voter[first], by_voter[second]) for by_voter in votes if first in by_voter and second in by_voter]
    signs = np.sign(np.array(both).reshape(-1, 2))
    same, polar = signs[:, 0] == signs[:, 1], (signs != 0).all(axis=1)
    return VoterPair(first, second, len(both), int(same.sum()), int(polar.sum()), int((same & polar).sum()))
