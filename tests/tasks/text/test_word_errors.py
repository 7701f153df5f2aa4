"""Word errors: known distances, against a plain implementation, and what is compared as one word."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from tasks.text import word_errors
from tasks.text.word_errors import n_errors, normalised


def plain(reference: list[str], other: list[str]) -> int:
    """Return the edit distance by the textbook's recursion."""
    above = list(range(len(other) + 1))
    for i, word in enumerate(reference, start=1):
        row = [i]
        for j, candidate in enumerate(other, start=1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (word != candidate)))
        above = row
    return above[-1]


@pytest.mark.parametrize(
    ("reference", "other", "expected"),
    [
        ("", "", 0),
        ("", "a b", 2),
        ("a b", "", 2),
        ("a b c", "a b c", 0),
        ("a b c", "a x c", 1),
        ("a b c", "b c", 1),
        ("a b c", "a b b c d", 2),
        ("a b a b", "b a b a", 2),
    ],
)
def test_known_distances(reference: str, other: str, expected: int) -> None:
    assert n_errors(reference.split(), other.split()) == expected


def test_random_texts_against_the_textbook() -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        texts = [[f"w{k}" for k in rng.integers(0, 6, rng.integers(0, 25))] for _ in range(2)]
        assert n_errors(*texts) == plain(*texts)


def test_long_texts_take_a_moment() -> None:
    words = [f"w{k % 900}" for k in range(6_000)]
    assert n_errors(words, words[5:]) == 5


def test_punctuation_tags_and_case_do_not_count() -> None:
    text = "[Music] “It’s the O'Brien well-known Café,” (laughs) she said… ♪ la la ♪ 20%"
    assert normalised(text) == ["its", "the", "obrien", "well", "known", "café", "she", "said", "20"]
    assert doctest.testmod(word_errors).failed == 0
