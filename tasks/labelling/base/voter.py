"""A loaded voter, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tasks.labelling.base import vote
from tasks.labelling.base.vote import CastVotes, Vote


@dataclass(frozen=True)
class Voter:
    """A loaded voter.

    Args:
        name: its name in params.yaml
        licence: of its lexicon or training data
        votes: function from texts to polarities in [-1, 1], or to probabilities; None where the voter abstains
    """

    name: str
    licence: str
    votes: Callable[[Sequence[str]], Sequence[Vote]]

    def cast(self, texts: Sequence[str]) -> CastVotes:
        """Vote on texts and check the votes.

        Args:
            texts: the texts, shape (n_texts,)

        Raises:
            ConfigError: if a vote is not valid
        """
        return vote.from_votes(self.name, texts, self.votes(texts))
