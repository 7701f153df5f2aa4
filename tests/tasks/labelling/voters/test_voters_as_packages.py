"""Voters equal their packages to the last bit, on generated texts for every rule and on real texts."""

from __future__ import annotations

import csv
import math
import struct
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.labelling.voters import afinn, textblob, vader

Vote = Callable[[str], float]
MANY = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
TURNS = tuple(
    """
    not no never none nor neither without doubt cannot can't don't isnt n't no-one nothing rarely despite least at
    very but BUT however so this or though kind of sort kinda sort-of just enough the shit bomb bad ass badass bus
    stop yeah right kiss of death to die for beating heart really barely extremely hardly almost a an I it's 'not'
    very, so! not. kind, of. good-bye gonna n NOT Never SO VERY
    """.split()  # noqa: SIM905  (a list with one word per line is hard to read)
)
SIGNS = (
    *"!?.,;:-'\"()[]{}<>*=/\\_&#$%^°♥38oOxXsSDPpbc",
    *("...", "!!!", "???", "(!)", "( ! )", "(!", "!)", ":)", ":-)", ":-", "-)", ": (", "=D", "xD", "<3", ":'(", ">"),
    *("🙂", "😂", "💘", "ℹ", "❤️", "’", "“good”", "don’t", "Σ", "ΟΔΟΣ", "İ", "ß", "½", "é", "\u200b", "U.S.", "e.g."),
    *("[Music]", "(laughs)", "&gt;&gt;", "@who", "http://a.b", "10", "3,5", "$5", "100%", "END-OF-SENTENCE", "w/"),
)  # fmt: skip
SPACES = ("", " ", " ", " ", "  ", "\n", "\n\n", "\r\n", "\t", "\u00a0", "\u2028", "\x1c")


@cache
def pairs() -> dict[str, tuple[Vote, Vote]]:
    """Our function and the package's, for each voter."""
    from afinn import Afinn
    from textblob import TextBlob
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer, rater = SentimentIntensityAnalyzer(), Afinn()

    def bounded(text: str) -> float:
        total = float(rater.score(text))
        return total / math.sqrt(total * total + 15.0)

    return {
        "vader": (vader.load(), lambda text: float(analyzer.polarity_scores(text)["compound"])),
        "textblob": (textblob.load(), lambda text: float(TextBlob(text).sentiment.polarity)),
        "afinn": (afinn.load(), bounded),
    }


@cache
def lexicons() -> tuple[tuple[str, ...], ...]:
    from afinn import Afinn
    from textblob.en import sentiment
    from vaderSentiment.vaderSentiment import BOOSTER_DICT, NEGATE, SentimentIntensityAnalyzer

    rater = Afinn()
    return (
        tuple(SentimentIntensityAnalyzer().lexicon),
        tuple(sorted(sentiment.keys())),
        tuple(rater.read_word_file(rater.full_filename("AFINN-en-165.txt"))),
        (*BOOSTER_DICT, *NEGATE),
    )


def written(word: str) -> st.SearchStrategy[str]:
    return st.sampled_from((word, word, word, word.upper(), word.capitalize(), f"{word}!", f"({word})", f"'{word}',"))


def listed(lexicon: int) -> st.SearchStrategy[str]:
    """Words of a lexicon, drawn by index: Hypothesis prints the sampled collection, which is a third of a megabyte."""
    words_of_lexicon = lexicons()[lexicon]
    return st.sampled_from(range(len(words_of_lexicon))).map(words_of_lexicon.__getitem__)


words = st.sampled_from(TURNS) | st.sampled_from(range(4)).flatmap(listed).flatmap(written)
pieces = words | words | st.sampled_from(SIGNS) | st.text(max_size=5)
texts = st.lists(st.tuples(pieces, st.sampled_from(SPACES)), max_size=14).map(
    lambda parts: "".join(map("".join, parts))
)


def bits(votes: Sequence[float]) -> bytes:
    return struct.pack(f"{len(votes)}d", *votes)


@pytest.mark.parametrize("name", ["vader", "textblob", "afinn"])
@MANY
@given(text=texts)
def test_a_vote_is_the_packages_number_to_the_last_bit(name: str, text: str) -> None:
    mine, package = pairs()[name]
    assert bits([mine(text)]) == bits([package(text)])


@pytest.mark.parametrize("name", ["vader", "textblob"])
@MANY
@given(text=st.lists(st.sampled_from(TURNS) | st.sampled_from(("good", "BAD", "happy", "hate", "great!")), max_size=9))
def test_rules_about_neighbours_interact_as_in_the_package(name: str, text: list[str]) -> None:
    mine, package = pairs()[name]
    assert bits([mine(" ".join(text))]) == bits([package(" ".join(text))])


@pytest.mark.parametrize("name", ["vader", "textblob", "afinn"])
def test_every_word_of_every_lexicon_alone_negated_and_amplified(name: str) -> None:
    mine, package = pairs()[name]
    for word in dict.fromkeys(word for lexicon in lexicons() for word in lexicon[::3]):
        for text in (word, f"not very {word.upper()} but fine", f"never so {word}!!"):
            assert bits([mine(text)]) == bits([package(text)]), text


@pytest.mark.real
@pytest.mark.parametrize("name", ["vader", "textblob", "afinn"])
def test_real_texts_are_voted_on_as_by_the_package(real_data: Path, name: str) -> None:
    mine, package = pairs()[name]
    for text in real_texts(real_data):
        assert bits([mine(text)]) == bits([package(text)]), text


def real_texts(folder: Path) -> list[str]:
    """Every fifteenth sentence and dialogue turn, and every third caption."""
    texts_read = []
    for path in sorted((folder / "rated_text").glob("*.txt")):
        texts_read += [line.split("\t", 2)[-1] for line in path.read_text(encoding="utf-8").splitlines()[::15]]
    for path in sorted((folder / "meld").glob("*.csv")):
        with path.open(encoding="utf-8") as stream:
            texts_read += [row["Utterance"] for row in csv.DictReader(stream)][::15]
    for path in sorted(folder.glob("*/*.vtt")):
        texts_read += path.read_text(encoding="utf-8").split("\n\n")[::3]
    return texts_read
