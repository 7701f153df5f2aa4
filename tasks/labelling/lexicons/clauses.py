"""Ratings of a text's words with negation and contrast, for languages without a rule-based voter of their own.

Per language: negations that come before what they negate ("no es bueno"), negations that may come after it ("das
gefällt mir nicht", "j'aime pas"), and words of contrast. A negation reaches a few words within its clause; several
negations of a word count once ("no … nada", "ne … pas"). Of two clauses joined by a word of contrast the second counts
more, as in VADER (Hutto & Gilbert 2014, section 3).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

_TOKEN = re.compile(r"[^\W\d_]+|[.,;:!?¿¡…]")
_REACH = 4
"""Words between a negation and what it negates, plus one."""
_BEFORE_CONTRAST, _AFTER_CONTRAST = 0.5, 1.5
_NEGATED = -0.74
"""Factor of a negated rating, as in VADER (N_SCALAR in its code)."""


@dataclass(frozen=True)
class ClauseRules:
    """Function words of a language, in lower case.

    Args:
        before: negations that come before what they negate
        after: negations that may also come after it, if no rated word follows them in the clause
        reach_back: words between what is negated and such a negation, plus one
        contrast: conjunctions after which the more important clause begins
    """

    before: frozenset[str]
    after: frozenset[str]
    reach_back: int
    contrast: frozenset[str]


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


RULES: Mapping[str, ClauseRules] = MappingProxyType(
    {
        "de": ClauseRules(
            before=_set("""
                nicht nie niemals nichts niemand niemanden kein keine keinen keinem keiner keines ohne kaum weder
                keineswegs keinesfalls nirgends nirgendwo
            """),
            after=_set("nicht nie niemals kaum"),
            reach_back=5,
            contrast=_set("aber jedoch sondern trotzdem"),
        ),
        "es": ClauseRules(
            before=_set("no nunca jamás jamas tampoco ni nada nadie ningún ningun ninguno ninguna sin apenas"),
            after=_set(""),
            reach_back=0,
            contrast=_set("pero sino"),
        ),
        "fr": ClauseRules(
            before=_set("ne n pas jamais rien sans aucun aucune ni guère"),
            after=_set("pas jamais"),
            reach_back=1,
            contrast=_set("mais cependant pourtant"),
        ),
        "en": ClauseRules(
            before=_set("not no never nobody nothing nowhere neither nor cannot without hardly barely t"),
            after=_set(""),
            reach_back=0,
            contrast=_set("but"),
        ),
    }
)
"""Rules by primary language subtag. English: the "t" is the rest of "n't", since apostrophes separate words."""


@dataclass(frozen=True)
class RatedClauses:
    """Ratings of a text after negation and contrast.

    Args:
        ratings: of the words that have one, shape (n_rated,)
        n_words: words of the text
        n_known: words that the lexicon lists, rated or not
    """

    ratings: tuple[float, ...]
    n_words: int
    n_known: int


def rated(text: str, rating: Callable[[str], float | None], rules: ClauseRules) -> RatedClauses:
    """Rate the words of a text.

    Args:
        text: any text
        rating: returns a word's rating, 0 for a word without polarity, None for an unknown word; lower case
        rules: of its language
    """
    words = _TOKEN.findall(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    ratings = [rating(word) if word[0].isalpha() else None for word in words]
    negated = _negated(words, ratings, rules)
    contrast = next((k for k, word in enumerate(words) if word in rules.contrast), None)
    applied = list[float]()
    for k, value in enumerate(ratings):
        if not value:
            continue
        factor = _NEGATED if negated[k] else 1.0
        if contrast is not None:
            factor *= _BEFORE_CONTRAST if k < contrast else _AFTER_CONTRAST
        applied.append(value * factor)
    n_words = sum(word[0].isalpha() for word in words)
    return RatedClauses(tuple(applied), n_words, sum(value is not None for value in ratings))


def _negated(words: Sequence[str], ratings: Sequence[float | None], rules: ClauseRules) -> list[bool]:
    """Return which words are negated.

    Args:
        words: words and punctuation, in lower case
        ratings: of the words
        rules: of the language
    """
    negated = [False] * len(words)
    for k, word in enumerate(words):
        if word not in rules.before and word not in rules.after:
            continue
        stop = _clause_end(words, k, rules)
        reached = [place for place in range(k + 1, min(stop, k + 1 + _REACH)) if ratings[place]]
        if reached and word in rules.before:
            for place in reached:
                negated[place] = True
        elif word in rules.after:
            start = _clause_start(words, k, rules)
            for place in range(max(start, k - rules.reach_back), k):
                negated[place] = True
    return negated


def _clause_end(words: Sequence[str], k: int, rules: ClauseRules) -> int:
    return next((p for p in range(k + 1, len(words)) if _is_border(words[p], rules)), len(words))


def _clause_start(words: Sequence[str], k: int, rules: ClauseRules) -> int:
    return next((p + 1 for p in range(k - 1, -1, -1) if _is_border(words[p], rules)), 0)


def _is_border(word: str, rules: ClauseRules) -> bool:
    return not word[0].isalpha() or word in rules.contrast
