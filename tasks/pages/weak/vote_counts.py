"""What the voters said: how often two of them agree in sign, and how the scores spread."""

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
class Pair:
    """Two voters: how many utterances both judged, on how many their signs agree; and where neither said zero."""

    first: str
    second: str
    n: int
    agree: int
    n_decided: int
    agree_decided: int


@dataclass(frozen=True)
class Spread:
    """Scores counted in bins of 0.1, the middle one around zero.

    Attributes:
        edges: shape (N_BINS + 1,)
        counts: class, or `NONE`, to how many utterances lie in each bin, shape (N_BINS,)
    """

    edges: tuple[float, ...]
    counts: Mapping[str, tuple[int, ...]]


def pairs(votes: Sequence[Mapping[str, float]]) -> tuple[Pair, ...]:
    """Compare every two voters.

    Args:
        votes: voter to polarity, one mapping per utterance
    """
    voters = sorted({voter for one in votes for voter in one})
    return tuple(_pair(votes, first, second) for first, second in combinations(voters, 2))


def spread(scores: Sequence[float], sentiments: Sequence[str | None]) -> Spread:
    """Count scores in bins, apart by the label they led to; scores and labels in the same order."""
    edges = np.linspace(-1.05, 1.05, N_BINS + 1)
    labels = np.array([label or NONE for label in sentiments], dtype=str)
    values = np.array(scores, dtype=float)
    counts = {name: np.histogram(values[labels == name], edges)[0].tolist() for name in (*tables.SENTIMENTS, NONE)}
    return Spread(tuple(edges.round(10).tolist()), {name: tuple(found) for name, found in counts.items()})


def decided(votes: pa.Table, eligible: frozenset[str]) -> pa.Table:
    """Return the votes that count: on utterances that were cut, with a score."""
    mask = [
        one in eligible and score is not None
        for one, score in zip(votes["utterance_id"].to_pylist(), votes["score"].to_pylist(), strict=True)
    ]
    return votes.filter(pa.array(mask, pa.bool_()))


def _pair(votes: Sequence[Mapping[str, float]], first: str, second: str) -> Pair:
    signs = Counter((np.sign(one[first]), np.sign(one[second])) for one in votes if first in one and second in one)
    nonzero = {signs_: count for signs_, count in signs.items() if 0 not in signs_}
    return Pair(
        first,
        second,
        n=signs.total(),
        agree=sum(count for (a, b), count in signs.items() if a == b),
        n_decided=sum(nonzero.values()),
        agree_decided=sum(count for (a, b), count in nonzero.items() if a == b),
    )
