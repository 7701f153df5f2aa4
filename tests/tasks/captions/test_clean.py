"""Cleaning of cues: unspoken parts are removed, spoken text remains."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        (["<<we were there all night>>"], "we were there all night"),
        (["She said <it was a bad idea> and <I left>."], "She said it was a bad idea and I left."),
        (["< we were there >", "3 < 4 > 2 <laughs>"], "we were there 3 < 4 > 2 laughs"),
        (["<i>In</i> <B>italics</B><i.loud>!</i> <u class='x'>Yes</u> no"], "In italics! Yes no"),
        (["<img src='a' alt=\"b c\"> <a href='x'>there</a>"], "there"),
        (["<say-as>four</say-as> <pause/><x y='1'>five</x>"], "four five"),
        (["I don&amp;#39;t, &amp;amp;quot;no&amp;amp;quot; &amp; so"], 'I don\'t, "no" & so'),
        (["AT&T &amp;notes &lt;i&gt;"], "AT&T &notes <i>"),
        (["<ruby>規制<rt>きせい</rt></ruby>を緩める"], "規制を緩める"),
        (["<ruby>規制<rp>(</rp><rt>きせい<rp>)</rp></ruby>を <ruby>there<rt>zere"], "規制を there"),
        (["می‌خواهم 👨‍👩‍👧", "क्‍या"], "می‌خواهم 👨‍👩‍👧 क्‍या"),
        (["so\xadft \u202bright\u202c \u2066left\u2069"], "soft right left"),
        (["ภาษา\u200bไทย"], "ภาษา\u200bไทย"),
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


TAGGED = [
    "so",
    " ",
    "<c>",
    "</c>",
    "<00:00:01.500>",
    "<br>",
    "<p>",
    "<rt>",
    "</rt>",
    "<",
    "<3",
    "<i\nlike>",
    "<<c\nd>>",
]


@given(st.lists(st.sampled_from(TAGGED), max_size=8))
def test_lines_with_tags_of_words_only_are_split_as_all_others(pieces: list[str]) -> None:
    text = "".join(pieces)
    mended = clean._BROKEN.sub(clean._mended, clean._READINGS.sub("", text))
    assert clean.screen_lines([text]) == tuple(clean._LINE_BREAK.sub("\n", mended).split("\n"))
