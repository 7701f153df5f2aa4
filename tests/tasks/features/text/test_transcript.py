"""Utterances as text: with context and speakers."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.core.errors import ConfigError
from tasks.features.base import registry
from tasks.features.base.extractor import Transcript
from tasks.features.base.settings import settings_of

REPLY = Transcript(" I don't know! ", "Joey", (("Ross", "Hi."), ("Monica", "Are you?"), ("", "What?")))


def text(transcript: Transcript = REPLY, **settings: Any) -> str:
    extractor = registry.extractor("text")
    return extractor.start(extractor.settings(**settings))([transcript])[0]


def test_text_without_cleaning() -> None:
    assert text() == "I don't know!"
    assert text(Transcript("")) == ""


def test_cleaned() -> None:
    assert text(cleaning="source") == "not know"
    assert text(Transcript(" “Don’t” "), cleaning="ascii-quotes") == '"Don\'t"'
    assert text(cleaning="ascii-words", context=1) == "What [SEP] I don t know"


def test_context_is_prepended() -> None:
    assert text(context=1) == "What? [SEP] I don't know!"
    assert text(context=2, separator=" | ") == "Are you? | What? | I don't know!"
    assert text(context=9, separator="\n").count("\n") == 3
    assert text(Transcript("Hi."), context=3) == "Hi."


def test_later_utterances_follow_and_the_utterance_is_marked() -> None:
    asked = Transcript("No.", "Joey", (("Ross", "Hi."),), (("Ross", "Oh."), ("Monica", "Why?")))
    assert text(asked, context=1, after=1) == "Hi. [SEP] [UTTERANCE] No. [SEP] Oh."
    assert text(asked, after=9, speakers=True) == "[UTTERANCE] Joey: No. [SEP] Ross: Oh. [SEP] Monica: Why?"
    assert text(asked, context=1) == "Hi. [SEP] No."
    # without a later utterance it is marked as well: the last of a dialogue is part of the same document
    assert text(Transcript("Oh.", "", (("", "No."),)), context=1, after=1) == "No. [SEP] [UTTERANCE] Oh."


def test_with_speakers() -> None:
    assert text(context=2, speakers=True) == "Monica: Are you? [SEP] What? [SEP] Joey: I don't know!"
    assert text(Transcript("It was you", "Joey"), speakers=True, cleaning="source") == "Joey:"


def test_utterances_empty_after_cleaning() -> None:
    # "Are you?" and "What?" are stop words
    assert text(cleaning="source", context=3) == "hi [SEP] not know"
    # its own place stays empty: the words before it are not its own
    assert text(Transcript("It was you", "", (("Ross", "Hi."),)), cleaning="source", context=1) == "hi [SEP] "


def test_less_context_than_requested() -> None:
    extractor = registry.extractor("text")
    assert extractor.start(extractor.settings())([Transcript("a"), Transcript("b"), Transcript("a")]) == ["a", "b", "a"]
    assert extractor.start(extractor.settings())([]) == []


@pytest.mark.parametrize("wrong", [{"context": -1}, {"after": -1}, {"cleaning": "thorough"}, {"context": 1.5}])
def test_impossible_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        settings_of(registry.extractor("text").settings, wrong, "features.demo")
