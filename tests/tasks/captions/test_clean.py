"""Cleaning of cues: unspoken parts are removed, spoken text remains."""

from __future__ import annotations

import doctest

import pytest

from tasks.captions import clean


def test_examples() -> None:
    assert doctest.testmod(clean).failed == 0


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["<i>Well</i>, {\\an8}<font color='red'>yes</font>"], "Well, yes"),
        (["<v Fred>Hi <c.loud>you</c>"], "Hi you"),
        (["Salt &amp; pepper&nbsp;&lt;3"], "Salt & pepper <3"),
        (["I <3 you and 2 < 3 > 1"], "I <3 you and 2 < 3 > 1"),
        (["-Catch it.", "- I wanna see."], "Catch it. I wanna see."),
        (["-5 degrees, twenty-one"], "-5 degrees, twenty-one"),
        ([">> JOHN: It is", "what it is. >> No."], "JOHN: It is what it is. No."),
        (["\u200ezero\u200b width\ufeff", "\x07bell"], "zero width bell"),
        (["♪ la la la ♪"], "♪ la la la ♪"),
        (["  ", ""], ""),
    ],
)
def test_spoken(lines: list[str], text: str) -> None:
    assert clean.spoken_text(lines) == text


@pytest.mark.parametrize(
    "text",
    [
        "[Laughing]",
        "(applause)",
        "♪",
        "♪♪ [Music] ♪",
        "[ Cheering,",
        "and applause ]",
        "[\xa0__\xa0]",
        "(laughs) (coughs)",
    ],
)
def test_tags_alone_are_not_words(text: str) -> None:
    assert clean.wordless_reason(text) == clean.ONLY_TAG


@pytest.mark.parametrize("text", ["", "...", "-", "?!"])
def test_punctuation_alone_is_not_a_word(text: str) -> None:
    assert clean.wordless_reason(text) == clean.EMPTY


@pytest.mark.parametrize("text", ["[Laughing] And guess", "♪ la la ♪", "Oh :)", "so (well) yes", "7"])
def test_words_are_kept(text: str) -> None:
    assert clean.wordless_reason(text) is None
