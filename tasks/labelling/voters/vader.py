"""VADER's compound score (Hutto & Gilbert 2014, ICWSM): a lexicon with rules for negation, degree and emphasis.

The number is that of the package (vaderSentiment 3.3.2) to the last bit, by its lexicon, its lists and its constants.
Its rules stand here once more because it goes through them for every word of a text, folding the case of all others
each time; only rated words can get a valence other than 0, and what the rules ask of a word never changes. Its rarer
rules are left to its own functions, and so are texts with an emoji.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.text.word_cache import Chunks

NAME = "vader"
LICENCE = "MIT"
_FADES = (1.0, 0.95, 0.9)
"""What is left of an adverb of degree directly before a rated word, one word away, and two."""
_NEVER_SO = 1.25


@dataclass(frozen=True, slots=True)
class _Word:
    """What the rules ask of a word.

    Args:
        word: as it was said, without punctuation around it
        lower: in small letters
        rating: in the lexicon, None if it is not there
        degree: as an adverb of degree ("very", "barely"), 0 if it is none
        negates: whether it is a negation
        is_upper: whether it is in capitals
        ends_idiom: whether a phrase with a rating of its own ends with it
    """

    word: str
    lower: str
    rating: float | None
    degree: float
    negates: bool
    is_upper: bool
    ends_idiom: bool


class _Rules:
    """The package's rules for one rated word and for a text."""

    def __init__(self, package: Any) -> None:
        self.package = package
        self.analyzer = package.SentimentIntensityAnalyzer()
        phrases = [phrase for phrase in (*package.SPECIAL_CASES, *package.BOOSTER_DICT) if " " in phrase]
        self.idiom_ends = {phrase.split()[-1] for phrase in phrases}
        self.emojis = frozenset(self.analyzer.emojis)

    def word(self, chunk: str) -> _Word:
        """Return what is asked of a chunk of text."""
        (word,) = self.package.SentiText(chunk).words_and_emoticons
        lower = word.lower()
        return _Word(
            word,
            lower,
            self.analyzer.lexicon.get(lower),
            self.package.BOOSTER_DICT.get(lower, 0.0),
            self.package.negated([lower]),
            word.isupper(),
            lower in self.idiom_ends,
        )

    def valence(self, words: Sequence[_Word], k: int, capitals_tell: bool) -> float:
        """Return the valence of a rated word among the others; `capitals_tell` unless all or none are in capitals."""
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
            if distance == 2 and any(one.ends_idiom for one in words[k - 2 : k + 3]):
                lower = [one.lower for one in words]
                valence = self.analyzer._special_idioms_check(valence, lower, k)
        if before and before[0].lower == "least" and [one.lower for one in before[1:2]] not in (["at"], ["very"]):
            valence *= self.package.N_SCALAR
        return valence

    def _alone(self, words: Sequence[_Word], k: int) -> float:
        """Return a word's rating, turned by a "no" before it; a "no" that turns another has none."""
        rating = words[k].rating or 0.0
        one, two, three = (words[k - d].lower if k >= d else "" for d in (1, 2, 3))
        if "no" in (one, two) or (three == "no" and one in ("or", "nor")):
            return rating * float(self.package.N_SCALAR)
        turns = words[k].lower == "no" and k + 1 < len(words) and words[k + 1].rating is not None
        return 0.0 if turns else rating

    def _turned(self, before: Sequence[_Word], distance: int) -> float:
        """Return by what a word so far before a rated one multiplies its valence."""
        this, between = before[distance], [one.lower for one in before[:distance]]
        so = "so" in between or "this" in between
        if so and ((distance == 2 and between[0] in ("so", "this")) or this.lower == "never"):
            return _NEVER_SO
        if this.lower == "without" and "doubt" in between:
            return 1.0
        return float(self.package.N_SCALAR) if this.negates else 1.0

    def compound(self, valences: Sequence[float], text: str) -> float:
        """Return the bounded sum of all valences, more where the text has exclamation marks."""
        total = float(sum(valences))
        emphasis = self.analyzer._punctuation_emphasis(text)
        total += emphasis if total > 0 else -emphasis if total < 0 else 0.0
        return round(float(self.package.normalize(total)), 4)


def load() -> Callable[[str], float]:
    """Return a function from a text to VADER's compound score in [-1, 1]."""
    from vaderSentiment import vaderSentiment

    rules = _Rules(vaderSentiment)
    chunks = Chunks(rules.word)

    def vote(text: str) -> float:
        if not (text.isascii() or rules.emojis.isdisjoint(text)):
            # an emoji is read as its description, which may run into the words around it
            return float(rules.analyzer.polarity_scores(text)["compound"])
        words = chunks.of(text)
        rated = [k for k, one in enumerate(words) if one.rating is not None and not one.degree]
        if not rated:
            return 0.0
        capitals_tell = 0 < sum(one.is_upper for one in words) < len(words)
        valences = [0.0] * len(words)
        for k in rated:
            valences[k] = rules.valence(words, k, capitals_tell)
        if any(one.lower == "but" for one in words):
            valences = rules.analyzer._but_check([one.lower for one in words], valences)
        return rules.compound(valences, text)

    return vote
