"""Diarisation error rate, on turns with a known error."""

from __future__ import annotations

import pytest

from tasks.core.errors import NotEnoughData
from tasks.evaluation.diarisation_error import DiarisationError, diarisation_error

REFERENCE = [(0.0, 10.0, "a"), (10.0, 20.0, "b")]


def test_names_do_not_matter() -> None:
    error = diarisation_error(REFERENCE, [(0.0, 10.0, "x"), (10.0, 20.0, "y")])
    assert error == DiarisationError(0.0, 0.0, 0.0, 19.0)
    assert error.rate == 0


def test_each_kind_of_error() -> None:
    assert diarisation_error(REFERENCE, [(0.0, 20.0, "x")]).confusion_s == 9.5
    assert diarisation_error(REFERENCE, [(0.0, 10.0, "x")]).missed_s == 9.5
    assert diarisation_error(REFERENCE, [(0.0, 10.0, "x"), (10.0, 23.0, "y")]).false_alarm_s == 2.75
    assert diarisation_error(REFERENCE, []).rate == 1


def test_the_collar_is_not_scored() -> None:
    early = [(0.0, 9.8, "x"), (9.8, 20.0, "y")]
    assert diarisation_error(REFERENCE, early).rate == 0
    assert diarisation_error(REFERENCE, early, collar_s=0.0).confusion_s == pytest.approx(0.2)


def test_two_voices_at_once() -> None:
    both = [(0.0, 10.0, "a"), (5.0, 15.0, "b")]
    error = diarisation_error(both, [(0.0, 10.0, "x"), (10.0, 15.0, "y")], collar_s=0.0)
    assert (error.missed_s, error.speech_s) == (5.0, 20.0)


def test_more_voices_than_speakers() -> None:
    split = [(0.0, 6.0, "x"), (6.0, 10.0, "z"), (10.0, 20.0, "y")]
    assert diarisation_error(REFERENCE, split, collar_s=0.0).confusion_s == 4.0


def test_no_speech_in_the_reference() -> None:
    with pytest.raises(NotEnoughData, match="no speech outside"):
        diarisation_error([], [(0.0, 1.0, "x")])
