"""Statistics of the votes: agreement in sign between voters, and a histogram of their mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pyarrow as pa

from tasks.core import tables

NONE = "no label"
N_BINS = 21


@dataclass(frozen=True)
class VoterPair:
    """Agreement of two voters.

    Attributes:
        first: name of a voter
        second: name of the other
        n: utterances that both judge
        agree: of these, how many with the same sign
        n_decided: utterances to which neither gives 0
        agree_decided: of these, how many with the same sign
    """

    first: str
    second: str
    n: int
    agree: int
    n_decided: int
    agree_decided: int


@dataclass(frozen=True)
class ScoreHistogram:
    """Mean votes in bins of width 0.1, the middle one around zero.

    Attributes:
        edges: shape (N_BINS + 1,)
        counts: class, or `NONE` → utterances per bin, shape (N_BINS,)
    """

    edges: tuple[float, ...]
    counts: Mapping[str, tuple[int, ...]]


def pairs(votes: Sequence[Mapping[str, float]]) -> tuple[VoterPair, ...]:
    """Compare all pairs of voters.

    Args:
        votes: voter → polarity, one mapping per utterance
    """
    voters = sorted({voter for by_voter in votes for voter in by_voter})
    return tuple(_pair(votes, first, second) for first, second in combinations(voters, 2))


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
    mask = [
        utterance_id in eligible and score is not None
        for utterance_id, score in zip(votes["utterance_id"].to_pylist(), votes["score"].to_pylist(), strict=True)
    ]
    return votes.filter(pa.array(mask, pa.bool_()))


def _pair(votes: Sequence[Mapping[str, float]], first: str, second: str) -> VoterPair:
    signs = Counter(
        (np.sign(by_voter[first]), np.sign(by_voter[second]))
        for by_voter in votes
        if first in by_voter and second in by_voter
    )
    nonzero = {signs_: count for signs_, count in signs.items() if 0 not in signs_}
    return VoterPair(
        first,
        second,
        n=signs.total(),
        agree=sum(count for (a, b), count in signs.items() if a == b),
        n_decided=sum(nonzero.values()),
        agree_decided=sum(count for (a, b), count in nonzero.items() if a == b),
    )
