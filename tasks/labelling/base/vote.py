"""Votes on texts: a polarity, with the probabilities of the three classes where a voter has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.core.errors import ConfigError

_NUMBERS = (int, float, np.floating, np.integer)
_SUM_WITHIN = 1e-3
_N_CLASSES = len(tables.SENTIMENTS)
_NEGATIVE, _NEUTRAL, _POSITIVE = range(_N_CLASSES)


class Chances(NamedTuple):
    """Probabilities of the three classes of a text, which sum to 1, in the order of `tables.SENTIMENTS`."""

    negative: float
    neutral: float
    positive: float


Vote = float | None | Chances
"""A polarity in [-1, 1], 0 for neutral; None to abstain; or the probabilities of the classes."""


@dataclass(frozen=True)
class CastVotes:
    """A voter's votes on texts.

    Args:
        polarities: in [-1, 1], NaN where the voter abstains, shape (n_texts,)
        chances: probabilities of negative, neutral and positive, NaN where the voter has none, shape (n_texts, 3)
    """

    polarities: NDArray[np.float64]
    chances: NDArray[np.float64]


def from_votes(name: str, texts: Sequence[str], votes: Sequence[Vote]) -> CastVotes:
    """Check a voter's votes and return them as arrays.

    Args:
        name: the voter's, for error messages
        texts: for error messages, shape (n_texts,)
        votes: shape (n_texts,)

    Raises:
        ConfigError: if a vote is not a number from -1 to 1, None, or three probabilities whose sum is 1
    """
    polarities, chances = np.full(len(votes), np.nan), np.full((len(votes), _N_CLASSES), np.nan)
    if all(type(vote) is float for vote in votes) and np.all(np.abs(numbers := np.array(votes, dtype=float)) <= 1):
        # fast path of lexicons, which neither abstain nor have probabilities
        return CastVotes(numbers, chances)
    for k, (text, vote) in enumerate(zip(texts, votes, strict=True)):
        if vote is None:
            continue
        if isinstance(vote, tuple):
            chances[k] = _checked_chances(name, text, vote)
        elif isinstance(vote, _NUMBERS) and -1 <= vote <= 1:
            polarities[k] = vote
        else:
            raise ConfigError(
                f"voter {name} returned {vote!r} for the text {text[:80]!r}; "
                "expected a number from -1 to 1, None to abstain, or probabilities of negative, neutral and positive"
            )
    has_chances = ~np.isnan(chances[:, 0])
    polarities[has_chances] = polarities_of(chances[has_chances])
    return CastVotes(polarities, chances)


def polarities_of(chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return P(positive) − P(negative), and 0 where neutral is the most probable class, shape (n_texts,).

    Args:
        chances: probabilities of negative, neutral and positive, shape (n_texts, 3)
    """
    return np.where(chances.argmax(axis=1) == _NEUTRAL, 0.0, chances[:, _POSITIVE] - chances[:, _NEGATIVE])


def _checked_chances(name: str, text: str, vote: Sequence[float]) -> Sequence[float]:
    numbers = len(vote) == _N_CLASSES and all(isinstance(part, _NUMBERS) and 0 <= part <= 1 for part in vote)
    if not numbers or abs(sum(vote) - 1) > _SUM_WITHIN:
        raise ConfigError(
            f"voter {name} returned {tuple(vote)!r} for the text {text[:80]!r}; "
            "expected three probabilities (negative, neutral, positive) whose sum is 1"
        )
    return vote
