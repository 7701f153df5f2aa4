"""VADER's compound score (Hutto & Gilbert 2014, ICWSM): a lexicon with rules for negation, degree and emphasis.

The result equals the package's (vaderSentiment 3.3.2) to the last bit; we use its lexicon, word lists and constants.
We reimplement its frequent rules because the package applies them to every word and lower-cases all other words each
time. Only rated words can have a valence other than 0, and a word's properties do not change: we compute them once
(`WordCache` caches them). Rare rules and texts with an emoji are passed to the package's own functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.text.word_cache import WordCache

NAME = "vader"
LICENCE = "MIT"
LANGUAGES = ("en",)
_FADES = (1.0, 0.95, 0.9)
"""Weight of an adverb of degree directly before a rated word, and one and two words further away."""
_RATED, _UPPER, _NOT_UPPER, _BUT, _ENDS_IDIOM = 1, 2, 4, 8, 16
"""Traits of a word: it has a rating and is no adverb of degree; it is in capitals, or not; it is "but"; it ends a
phrase that has its own rating."""
_NEVER_SO = 1.25
"""Factor for "never so …" and "never this …", which intensify instead of negate."""


@dataclass(frozen=True, slots=True)
class _Word:
    """Properties of a word that the rules use.

    Args:
        word: the word without punctuation around it
        lower: in lower case
        rating: in the lexicon, None if it is not in it
        degree: strength as an adverb of degree ("very", "barely"), 0 for other words
        negates: whether it is a negation
        is_upper: whether it is in capitals
        traits: the sum of those of `_RATED`, `_UPPER`, `_NOT_UPPER`, `_BUT` and `_ENDS_IDIOM` that hold
    """

    word: str
    lower: str
    rating: float | None
    degree: float
    negates: bool
    is_upper: bool
    traits: int


class _VaderRules:
    """The package's rules for one rated word and for a text."""

    def __init__(self, package: Any) -> None:
        self.package = package
        self.analyzer = package.SentimentIntensityAnalyzer()
        phrases = [phrase for phrase in (*package.SPECIAL_CASES, *package.BOOSTER_DICT) if " " in phrase]
        self.idiom_ends = {phrase.split()[-1] for phrase in phrases}
        self.negations = frozenset(package.NEGATE)
        self.emojis = frozenset(self.analyzer.emojis)

    def word(self, chunk: str) -> _Word:
        """Return the properties of a chunk of text between spaces."""
        # fast path: letters have no punctuation around them
        word = chunk if chunk.isalpha() else self.package.SentiText(chunk).words_and_emoticons[0]
        lower, is_upper = word.lower(), word.isupper()
        rating, degree = self.analyzer.lexicon.get(lower), self.package.BOOSTER_DICT.get(lower, 0.0)
        traits = _RATED if rating is not None and not degree else 0
        traits += (_UPPER if is_upper else _NOT_UPPER) + (_BUT if lower == "but" else 0)
        traits += _ENDS_IDIOM if lower in self.idiom_ends else 0
        negates = lower in self.negations or "n't" in lower
        return _Word(word, lower, rating, degree, negates, is_upper, traits)

    def valence(self, words: Sequence[_Word], k: int, traits: int) -> float:
        """Return the valence of the rated word number `k`.

        Args:
            words: all words of the text
            k: index of the rated word
            traits: those that any word of the text has
        """
        # some words, but not all, are in capitals
        capitals_tell = bool(traits & _UPPER and traits & _NOT_UPPER)
        this, before = words[k], words[max(0, k - 3) : k][::-1]
        if this.lower == "kind" and k + 1 < len(words) and words[k + 1].lower == "of":
            return 0.0
        valence = self._alone(words, k)
        if this.is_upper and capitals_tell:
            valence += self.package.C_INCR if valence > 0 else -self.package.C_INCR
        for distance, other in enumerate(before):
            if other.rating is not None:
                continue
            if other.degree:
                degree = self.package.scalar_inc_dec(other.word, valence, capitals_tell)
                valence += degree * _FADES[distance]
            if other.negates or distance == 2:
                valence *= self._turned(before, distance)
            if distance == 2 and traits & _ENDS_IDIOM and any(w.traits & _ENDS_IDIOM for w in words[k - 2 : k + 3]):
                lower = [word.lower for word in words]
                valence = self.analyzer._special_idioms_check(valence, lower, k)
        if before and before[0].lower == "least" and [word.lower for word in before[1:2]] not in (["at"], ["very"]):
            valence *= self.package.N_SCALAR
        return valence

    def _alone(self, words: Sequence[_Word], k: int) -> float:
        """Return a word's rating, negated by a "no" before it; a "no" that negates another word has none itself."""
        rating = words[k].rating or 0.0
        before1, before2, before3 = (words[k - d].lower if k >= d else "" for d in (1, 2, 3))
        if "no" in (before1, before2) or (before3 == "no" and before1 in ("or", "nor")):
            return rating * float(self.package.N_SCALAR)
        turns = words[k].lower == "no" and k + 1 < len(words) and words[k + 1].rating is not None
        return 0.0 if turns else rating

    def _turned(self, before: Sequence[_Word], distance: int) -> float:
        """Return the factor that the word at this distance before a rated word applies to its valence."""
        this, between = before[distance], [word.lower for word in before[:distance]]
        so = "so" in between or "this" in between
        if so and ((distance == 2 and between[0] in ("so", "this")) or this.lower == "never"):
            return _NEVER_SO
        if this.lower == "without" and "doubt" in between:
            return 1.0
        return float(self.package.N_SCALAR) if this.negates else 1.0

    def compound(self, valences: Sequence[float], text: str) -> float:
        """Return the bounded sum of valences, amplified by exclamation and question marks.

        Args:
            valences: one per word, 0 for words without a rating
            text: the whole text
        """
        total = float(sum(valences))
        emphasis = self.analyzer._punctuation_emphasis(text)
        total += emphasis if total > 0 else -emphasis if total < 0 else 0.0
        return round(float(self.package.normalize(total)), 4)


def load() -> Callable[[str], float]:
    """Return a function from a text to VADER's compound score in [-1, 1]."""
    from vaderSentiment import vaderSentiment

    rules = _VaderRules(vaderSentiment)
    chunks = WordCache(rules.word)

    def vote(text: str) -> float:
        if not (text.isascii() or rules.emojis.isdisjoint(text)):
            # the package replaces an emoji by its description, which can join with the words around it
            return float(rules.analyzer.polarity_scores(text)["compound"])
        words = chunks.of(text)
        traits = 0
        for word in words:
            traits |= word.traits
        if not traits & _RATED:
            return 0.0
        valences = [rules.valence(words, k, traits) if word.traits & _RATED else 0.0 for k, word in enumerate(words)]
        if traits & _BUT:
            valences = rules.analyzer._but_check([word.lower for word in words], valences)
        return rules.compound(valences, text)

    return vote
