"""Sentences: every word once, in order; none across speakers or too long."""

from __future__ import annotations

import doctest
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.captions import sentences
from tasks.captions.cue import CaptionLine, CaptionWord
from tasks.captions.sentences import SentenceRules, text
from tasks.captions.tokens import Token, tokens

RULES = SentenceRules(longest_ms=12_000, pause_ms=500, long_pause_ms=2_000)


def cut(*cues: str, rules: SentenceRules = RULES) -> list[str]:
    """Cut cues in which a word takes 200 ms, a `~` is a pause of 100 ms, and `>>` opens a turn."""
    lines, clock_ms = [], 0
    for number, cue in enumerate(cues, 1):
        words, opens_turn = [], False
        for piece in cue.split():
            if piece == ">>":
                opens_turn = True
            elif set(piece) == {"~"}:
                clock_ms += 100 * len(piece)
            else:
                words.append(CaptionWord(piece, clock_ms, clock_ms := clock_ms + 200, opens_turn))
                opens_turn = False
        lines.append(CaptionLine(number, tuple(words)))
    return [text(sentence) for sentence in sentences.sentences(list(tokens(lines)), rules)]


def test_examples() -> None:
    assert doctest.testmod(sentences).failed == 0


def test_punctuation_ends_a_sentence_wherever_its_cue_is_cut() -> None:
    assert cut("I have a thousand", 'questions. "Why?" So', "far.' Right!") == [
        "I have a thousand questions.",
        '"Why?"',
        "So far.'",
        "Right!",
    ]


@pytest.mark.parametrize(
    "whole",
    [
        "I met Mr. Smith today.",
        "It is 3.5 miles.",
        "The U.S. army went.",
        "Dr. J. R. Cash sang.",
        "Well... you know it.",
    ],
)
def test_not_every_full_stop_ends_a_sentence(whole: str) -> None:
    assert cut(whole, "Then more.") == [whole, "Then more."]


def test_abbreviations_may_end_a_sentence() -> None:
    assert cut("From the U.S. They left at 5 p.m. We did not. So do I. No. 5 lost. No. We") == [
        "From the U.S.", "They left at 5 p.m.", "We did not.", "So do I.", "No. 5 lost.", "No.", "We",
    ]  # fmt: skip


def test_one_full_stop_does_not_make_captions_punctuated() -> None:
    words = ["word"] * 60
    assert len(cut(" ".join(["yes.", *words]), rules=SentenceRules(60_000, 500, 2_000))) == 1
    assert len(cut(" ".join(["yes.", *words[:8]]))) == 2


def test_pauses_end_sentences_where_nothing_is_punctuated() -> None:
    assert cut("we went home ~~~~ slowly ~~~~~ then we slept") == ["we went home slowly", "then we slept"]
    assert cut("we saw the ~~~~~ house ~~~~~ and") == ["we saw the house", "and"]
    assert cut("we saw the ~~~~~~~~~~~~~~~~~~~~ house") == ["we saw the", "house"]


def test_only_a_long_pause_ends_a_punctuated_sentence() -> None:
    assert cut("So. I went ~~~~~~~~ home. I") == ["So.", "I went home.", "I"]
    assert cut("So. I went ~~~~~~~~~~~~~~~~~~~~ home.") == ["So.", "I went", "home."]


def test_a_speaker_ends_where_another_begins() -> None:
    assert cut("how are >> fine", ">> you") == ["how are", "fine", "you"]


def test_a_long_sentence_is_cut_at_its_longest_pause_and_not_after_an_article() -> None:
    assert cut("a b c ~~~ d e f g", rules=SentenceRules(1_200, 5_000, 9_000)) == ["a b c", "d e f g"]
    assert cut("x y the ~ z v w", rules=SentenceRules(1_000, 5_000, 9_000)) == ["x y", "the z v w"]
    assert cut("x y z v w u", rules=SentenceRules(1_000, 5_000, 9_000)) == ["x y z", "v w u"]
    assert cut("x", rules=SentenceRules(100, 5_000, 9_000)) == ["x"]


def test_tags_join_the_words_of_their_cue() -> None:
    assert cut("Well done. [Laughing]", "[ Cheering ]", "[Sighs] And you.") == [
        "Well done. [Laughing]",
        "[ Cheering ]",
        "[Sighs] And you.",
    ]
    assert cut("I went", "[Laughter]", "home. Then") == ["I went [Laughter] home.", "Then"]
    assert cut("Yes. >> [Laughs] No.") == ["Yes.", "[Laughs] No."]
    assert cut("[Music]") == ["[Music]"]
    assert cut() == []


def test_censored_words_count_as_spoken() -> None:
    assert [
        token.spoken
        for token in tokens([CaptionLine(1, (CaptionWord("[", 0, 1), CaptionWord("__", 1, 2), CaptionWord("]", 2, 3)))])
    ] == [
        False,
        True,
        False,
    ]


PIECES = st.sampled_from(["word", "the", "end.", "Mr.", "U.S.", "3.5", "[Laughter]", "[", "]", "♪", "-", "so..."])


@st.composite
def files(draw: st.DrawFn) -> list[Token]:
    lines, clock_ms = [], 0
    for number in range(1, draw(st.integers(0, 6)) + 1):
        words = []
        for _ in range(draw(st.integers(1, 8))):
            start_ms = clock_ms + draw(st.sampled_from([0, 0, 0, 100, 600, 2_500]))
            clock_ms = start_ms + draw(st.integers(0, 2_000))
            words.append(CaptionWord(draw(PIECES), start_ms, clock_ms, draw(st.integers(0, 9)) == 0))
        lines.append(CaptionLine(number, tuple(words)))
    return list(tokens(lines))


@given(files(), st.integers(500, 8_000))
def test_every_word_once_in_order_and_no_sentence_too_long(drawn: list[Token], longest_ms: int) -> None:
    made = sentences.sentences(drawn, SentenceRules(longest_ms, 500, 2_000))
    assert [token for sentence in made for token in sentence] == drawn
    for sentence in made:
        spoken = sentences.spoken(sentence)
        assert not any(token.opens_turn for token in spoken[1:])
        assert len(spoken) < 2 or spoken[-1].end_ms - spoken[0].start_ms <= longest_ms
        assert all(after.start_ms - before.end_ms < 2_000 for before, after in pairwise(spoken))
