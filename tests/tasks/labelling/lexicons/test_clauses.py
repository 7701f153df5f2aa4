"""Negation and contrast by language, with lexicons of one or two words."""

from __future__ import annotations

import pytest

from tasks.labelling.lexicons.clauses import RULES, rated

N = pytest.approx(-0.74)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("es", "Es bueno", [1.0]),
        ("es", "No es bueno", [N]),
        ("es", "No, es bueno", [1.0]),
        ("es", "No es nada bueno", [N]),
        ("es", "No sé cómo explicar por qué esto es bueno", [1.0]),
        ("es", "No es bueno, pero esto es bueno", [pytest.approx(-0.37), 1.5]),
        ("es", "Bueno no es", [1.0]),
        ("de", "Das ist nicht gut", [N]),
        ("de", "Gut ist das nicht", [N]),
        ("de", "Das ist keine gute gut", [N]),
        ("de", "Gut, das ist es nicht", [1.0]),
        ("de", "Gut ist nicht gut", [1.0, N]),
        ("de", "Er kam nicht, aber gut", [1.5]),
        ("fr", "Ce n'est pas bon", [N]),
        ("fr", "Ce n’est pas bon", [N]),
        ("fr", "Bon pas", [N]),
        ("fr", "Je ne bon pas", [N]),
        ("fr", "C'est bon. Pas lui", [1.0]),
        ("en", "It isn't good", [N]),
        ("en", "GOOD", [1.0]),
        ("en", "", []),
        ("en", "table", []),
    ],
)
def test_negation_and_contrast(language: str, text: str, expected: list[float]) -> None:
    lexicon = {"bueno": 1.0, "gut": 1.0, "bon": 1.0, "good": 1.0, "table": 0.0}
    assert list(rated(text, lexicon.get, RULES[language]).ratings) == expected


def test_words_are_counted_without_punctuation() -> None:
    words = rated("The table, the chair 42!", {"table": 0.0}.get, RULES["en"])
    assert (words.n_words, words.n_known, words.ratings) == (4, 1, ())
