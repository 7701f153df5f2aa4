"""Each cleaning step works, and negations are kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.features.text.cleaning import ASCII_WORDS, SOURCE_CODE, Cleaning, clean

EVERYTHING = Cleaning()
ALL_BUT_WORDS = Cleaning(stop_words=False, lemmas=False)


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("also I was the point person on my company’s transition", "also point person company transition"),
        ("You must’ve had your hands full.", "must hand full"),
        ("That I did. That I did.", ""),
        ("So let’s talk a little bit about your duties.", "let talk little bit duty"),
        ("I do not like this.", "not like"),
        ("I don’t like this.", "not like"),
        ("No, you can't! And I won't, ever.", "no not not ever"),
        ("He's gone, and the wives left.", "go wife leave"),
        ("They never told us nothing", "never tell us nothing"),
        ("Y'know, I couldn't've done it", "know could not do"),
    ],
)
def test_sentences(raw: str, cleaned: str) -> None:
    assert clean(raw, EVERYTHING) == cleaned


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        (
            "also I was the point person on my company’s transition",
            "also i be the point person on my companys transition",
        ),
        ("You must’ve had your hands full.", "you mustve have your hand full"),
        ("That I did. That I did.", "that i do that i do"),
        ("Okay...I don't. Café 66", "okayi do not caf"),
    ],
)
def test_the_code_of_the_source_deletes_characters_and_keeps_stop_words(raw: str, cleaned: str) -> None:
    assert clean(raw, SOURCE_CODE) == cleaned


def test_words_are_filtered_not_letters() -> None:
    # "s", "a", "i" and "d" are on the list, each by itself
    assert clean("a said thing", Cleaning(lemmas=False)) == "said thing"


@pytest.mark.parametrize("word", ["not", "no", "nor", "don't", "isn't", "can't", "cannot", "won't", "ain't", "n't"])
def test_negations_are_kept_by_default(word: str) -> None:
    kept = clean(f"this is {word} good", EVERYTHING).split()
    assert kept[-1] == "good" and {"not", "no", "nor"} & set(kept)
    assert clean(f"this is {word} good", Cleaning(keep_negations=False)) == "good"


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("can’t can‘t canʼt", "can't can't can't"),
        ("Naïve café, Straße", "naive cafe strasse"),
        ("well—no … okay...I", "well no okay i"),
        ("twenty-one in 1998", "twenty one in"),
        ("'cause she's goin'", "cause she's goin"),
        ("snake_case x2", "snake case x"),
        ("\t two \n lines ", "two lines"),
    ],
)
def test_characters(raw: str, cleaned: str) -> None:
    assert clean(raw, ALL_BUT_WORDS) == cleaned


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("I don’t like it… (not at all)!", "I don t like it not at all"),
        ("Naïve café – 21 times ☺", "Naive cafe 21 times"),
        ("snake_case, x2", "snake case x2"),
        ("?!", ""),
    ],
)
def test_ascii_words(raw: str, cleaned: str) -> None:
    assert clean(raw, ASCII_WORDS) == cleaned


def test_every_step_can_be_left_out() -> None:
    nothing = Cleaning(False, False, False, False, False, False)
    assert clean("Ça va, Zoë?  I don’t", nothing) == "Ça va, Zoë? I don't"
    assert clean("Was it 3?", Cleaning(lower=False, letters_only=False, stop_words=False)) == "be it 3?"
    assert clean("Zoë was here", Cleaning(ascii_only=False)) == "zoë"
    assert clean("they're kisses", Cleaning(stop_words=False)) == "they be kiss"
    assert clean("my kisses", Cleaning(lemmas=False)) == "kisses"


@pytest.mark.parametrize("raw", ["", "   ", "?!", "1998", "你好", "'"])
def test_nothing_left_is_an_empty_text(raw: str) -> None:
    assert clean(raw, EVERYTHING) == ""


@given(st.text(max_size=60))
def test_any_text_becomes_lower_case_ascii_words(raw: str) -> None:
    cleaned = clean(raw, EVERYTHING)
    assert cleaned == " ".join(cleaned.split())
    assert set(cleaned) <= set("abcdefghijklmnopqrstuvwxyz' ")
