"""Votes of every form: polarities, probabilities, abstentions, by language, and their checks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tasks.core.errors import ConfigError
from tasks.labelling.base.voter import Voter
from tasks.labelling.base.voter_input import Neighbour, VoterInput


def constant(vote: Any, **needs: Any) -> Voter:
    return Voter("constant", "MIT", lambda texts: [vote] * len(texts), **needs)


def test_a_vote_is_a_polarity_or_three_probabilities_or_an_abstention() -> None:
    answers = {"a": 0.5, "b": (0.7, 0.2, 0.1), "c": (0.2, 0.5, 0.3), "d": None, "e": 0}
    votes = Voter("mixed", "MIT", lambda texts: [answers[text] for text in texts]).cast(list("abcdea"))
    assert votes.polarities == pytest.approx([0.5, -0.6, 0.0, math.nan, 0.0, 0.5], nan_ok=True)
    assert votes.chances[[1, 2]] == pytest.approx(np.array([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3]]))
    assert np.isnan(votes.chances[[0, 3, 4, 5]]).all()


@pytest.mark.parametrize(
    "vote",
    [1.5, math.nan, "good", (0.5, 0.5), (0.5, 0.5, 0.5), (-0.5, 0.5, 1.0), (math.nan, 0.5, 0.5)],
)
def test_other_votes_are_errors(vote: Any) -> None:
    with pytest.raises(ConfigError, match=r"voter constant returned .* for the text 'a'; expected"):
        constant(vote).cast(["a"])


@pytest.mark.parametrize(
    ("language", "votes"),
    [("es", True), ("es-MX", True), ("ES_419", True), ("pt", False), ("und", True), (None, True), ("", True)],
)
def test_a_voter_votes_in_its_own_languages_and_where_none_is_stated(language: str | None, votes: bool) -> None:
    voter = constant(0.5, languages=frozenset({"es"}))
    (polarity,) = voter.cast([VoterInput("hola", language=language)]).polarities
    assert polarity == 0.5 if votes else math.isnan(polarity)


def test_a_voter_of_texts_gets_each_text_once_and_a_voter_of_context_each_input() -> None:
    asked = list[Any]()

    def votes(given: Sequence[Any]) -> list[float]:
        asked.extend(given)
        return [0.1] * len(given)

    inputs = [VoterInput("yes"), VoterInput("yes", before=(Neighbour("Bad?"),)), VoterInput("yes")]
    assert Voter("texts", "MIT", votes).cast(inputs).polarities.tolist() == [0.1] * 3
    assert asked == ["yes"]
    asked.clear()
    assert Voter("contexts", "MIT", votes, context=True).cast(inputs).polarities.tolist() == [0.1] * 3
    assert asked == inputs[:2]
