"""A loaded voter, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from tasks.core import tables
from tasks.labelling.base import vote
from tasks.labelling.base.vote import CastVotes, Vote
from tasks.labelling.base.voter_input import VoterInput, primary


@dataclass(frozen=True)
class Voter:
    """A loaded voter.

    Args:
        name: its name in params.yaml
        licence: of its lexicon or training data
        votes: function from texts, or from inputs if it wants `context`, to polarities in [-1, 1], or to probabilities;
            None where the voter abstains
        context: whether it is given `VoterInput` instead of texts
        prosody: whether its inputs must have their prosody; implies `context`
        languages: primary subtags of the languages it votes on; None: all. It votes on texts of unknown language
    """

    name: str
    licence: str
    votes: Callable[[Sequence[Any]], Sequence[Vote]]
    context: bool = False
    prosody: bool = False
    languages: frozenset[str] | None = None

    def cast(self, inputs: Sequence[str | VoterInput]) -> CastVotes:
        """Vote on texts and check the votes; equal inputs are voted on once.

        Args:
            inputs: texts, or texts with their context, shape (n_texts,)

        Raises:
            ConfigError: if a vote is not valid
        """
        number_of: dict[Any, int] = {}
        votes_on = cache(self._votes_on)
        # asked_of[row]: index of the row's question, -1 where the voter abstains because of the language
        asked_of = np.full(len(inputs), -1)
        for row, given in enumerate(inputs):
            whole = VoterInput(given) if isinstance(given, str) else given
            if votes_on(whole.language):
                asked_of[row] = number_of.setdefault(whole if self.context else whole.text, len(number_of))
        asked = list(number_of)
        texts = [question.text for question in asked] if self.context else asked
        votes = vote.from_votes(self.name, texts, self.votes(asked))
        polarities, chances = np.full(len(inputs), np.nan), np.full((len(inputs), len(tables.SENTIMENTS)), np.nan)
        polarities[asked_of >= 0] = votes.polarities[asked_of[asked_of >= 0]]
        chances[asked_of >= 0] = votes.chances[asked_of[asked_of >= 0]]
        return CastVotes(polarities, chances)

    def _votes_on(self, language: str | None) -> bool:
        if self.languages is None or language is None:
            return True
        subtag = primary(language)
        return subtag is None or subtag in self.languages
