"""Votes on emphasis: exclamations and interjections, which people write where they feel something.

Rules, in the order of the table in docs/labels.md: an exclamation mark in a text without a negation, a question mark or
a word that VADER's lexicon rates as negative is positive; so is laughter or delight ("haha", "yay", "soooo"); disgust
and sorrow ("ugh", "argh", "damn") are negative. Capitals alone vote for nothing: their precision was that of chance.
Each rule's precision was measured on one half of the rated sentences and checked on the other (docs/labels.md). A text
with rules of both signs abstains, as does one without any.
"""

from __future__ import annotations

import re
from collections.abc import Callable

NAME = "emphasis"
LICENCE = "MIT (also VADER's lexicon)"
LANGUAGES = ("en",)
_STRENGTH = 0.5
"""Rules have no strength: the vote is half the scale, as of tags."""
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_NEGATION = re.compile(r"\b(?:not|never|no|nobody|nothing|hardly|barely|cannot)\b|n't\b", re.IGNORECASE)
_DELIGHT = re.compile(
    r"\b(?:ha(?:ha)+\w*|lol|lmao|yay+|ya{3,}y|ye{2,}a+h+|woo+t?|woo*hoo+|yum+y*|wow+|aw{2,}w*|so{3,}|lo{3,}ve|goo{3,}d)\b",
    re.IGNORECASE,
)
_DISGUST = re.compile(
    r"\b(?:u+gh+|a+rgh+|e+ww+|meh|boo{2,}|yuck|gr{2,}|wtf|sigh|damn(?:it)?|dammit|alas|no{3,}|why{3,})\b", re.IGNORECASE
)


def load() -> Callable[[str], float | None]:
    """Return a function from a text to ±0.5, or None if no rule or rules of both signs apply."""
    from vaderSentiment import vaderSentiment

    lexicon: dict[str, float] = vaderSentiment.SentimentIntensityAnalyzer().lexicon

    def vote(text: str) -> float | None:
        plain = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
        exclaims = "!" in plain and "?" not in plain and not _NEGATION.search(plain) and not _is_rated_bad(plain)
        positive, negative = exclaims or bool(_DELIGHT.search(plain)), bool(_DISGUST.search(plain))
        if positive == negative:
            return None
        return _STRENGTH if positive else -_STRENGTH

    def _is_rated_bad(text: str) -> bool:
        return any(lexicon.get(word.lower(), 0.0) < 0 for word in _WORD.findall(text))

    return vote
