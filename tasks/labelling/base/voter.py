"""A loaded voter, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tasks.core.errors import ConfigError

_NUMBERS = (int, float)


@dataclass(frozen=True)
class Voter:
    """A loaded voter.

    Args:
        name: its name in params.yaml
        licence: of its lexicon or training data
        votes: function from texts to polarities in [-1, 1], None where the voter abstains
    """

    name: str
    licence: str
    votes: Callable[[Sequence[str]], Sequence[float | None]]

    def cast(self, texts: Sequence[str]) -> list[float | None]:
        """Vote on texts and check the votes.

        Args:
            texts: the texts, shape (n_texts,)

        Returns:
            polarities in [-1, 1], None where the voter abstains, shape (n_texts,)

        Raises:
            ConfigError: if a vote is not a number from -1 to 1
        """
        votes = list(self.votes(texts))
        for text, vote in zip(texts, votes, strict=True):
            if vote is not None and not (isinstance(vote, _NUMBERS) and -1 <= vote <= 1):
                raise ConfigError(
                    f"voter {self.name} returned {vote!r} for the text {text[:80]!r}; "
                    "expected a number from -1 to 1, or None to abstain"
                )
        return [None if vote is None else float(vote) for vote in votes]
