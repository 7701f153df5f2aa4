"""Marked turns as constraints: relations of stretches, one voice for each turn, names."""

from __future__ import annotations

import numpy as np

from tasks.media.voices import hints
from tasks.media.voices.clustering import DIFFERENT, OPEN, SAME
from tasks.media.voices.diarisation import VoiceTurn
from tasks.media.voices.hints import TurnHint

MIDDLES_S = np.array([0.5, 2.0, 4.0, 6.0, 8.0])


def test_relations() -> None:
    turns = (TurnHint(1, 5, ""), TurnHint(5, 7, ""), TurnHint(7, 9, ""))
    related = hints.relations(MIDDLES_S, turns)
    assert related is not None
    assert related[1].tolist() == [OPEN, SAME, SAME, DIFFERENT, OPEN]
    assert related[0].tolist() == [OPEN] * 5, "nothing is marked before the first turn"
    assert (related == related.T).all()
    assert hints.relations(MIDDLES_S, ()) is None


def test_names_relate_turns_that_are_apart() -> None:
    turns = (TurnHint(0, 3, "ann"), TurnHint(3, 5, "bob"), TurnHint(5, 7, ""), TurnHint(7, 9, "ann"))
    related = hints.relations(MIDDLES_S, turns)
    assert related is not None
    assert related[0].tolist() == [SAME, SAME, DIFFERENT, OPEN, SAME]


def test_each_turn_gets_one_voice() -> None:
    turns = [VoiceTurn(0.0, 2.0, 0), VoiceTurn(2.0, 3.0, 1), VoiceTurn(3.2, 6.0, 1), VoiceTurn(6.4, 9.0, 0)]
    marked = [TurnHint(0.1, 3.4, ""), TurnHint(3.4, 6.3, ""), TurnHint(6.3, 9.0, "")]
    scores = np.array([[2.0, 0.5], [1.5, 0.5], [0.5, 2.5], [2.0, 0.5]])
    pieces, names = hints.applied(turns, marked, scores, np.array([1.0, 2.5, 4.5, 7.0]))
    assert pieces == [VoiceTurn(0.0, 3.0, 0), VoiceTurn(3.2, 6.0, 1), VoiceTurn(6.4, 9.0, 0)]
    assert names == ["", ""]


def test_names_are_given_to_different_voices() -> None:
    turns = [VoiceTurn(0.0, 3.0, 0), VoiceTurn(3.0, 6.0, 0)]
    marked = [TurnHint(0.0, 3.0, "ann"), TurnHint(3.0, 6.0, "bob")]
    scores = np.array([[3.0, 1.0], [2.0, 1.9]])
    pieces, names = hints.applied(turns, marked, scores, np.array([1.5, 4.5]))
    assert ([piece.voice for piece in pieces], names) == ([0, 1], ["ann", "bob"])


def test_with_a_single_voice_the_marks_change_nothing() -> None:
    turns = [VoiceTurn(0.0, 3.0, 0), VoiceTurn(4.0, 6.0, 0)]
    marked = [TurnHint(0.0, 3.5, ""), TurnHint(3.5, 6.0, "")]
    pieces, _ = hints.applied(turns, marked, np.ones((2, 1)), np.array([1.0, 5.0]))
    assert pieces == turns
