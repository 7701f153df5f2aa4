"""Removal of the hedges "kind of" and "sort of", which lexicons mistake for praise.

TextBlob's lexicon rates "kind" 0.6 and AFINN 2 in any context; VADER has a rule for "kind of", but stop-word removal
deletes the "of". A hedge carries no sentiment (Biber et al. 1999, Longman Grammar, section 7.12 on hedges).
"""

from __future__ import annotations

import re

_WHOLE = re.compile(r"\b(?:kind|sort|kinds|sorts)\s+of\b|\b(?:kinda|sorta)\b", re.IGNORECASE)
# before these words "kind" is the adjective, with or without stop words
_HEDGE = r"(?!\s+(?:to|and|enough|man|woman|men|women|person|people|soul|souls|heart|hearted|word|words|gesture)\b)"
_BARE = re.compile(r"\bkind\b" + _HEDGE, re.IGNORECASE)


def without_hedges(text: str, *, stop_words_removed: bool = False) -> str:
    """Return a text without its hedges.

    Args:
        text: the text
        stop_words_removed: whether the text has lost its stop words: then "kind" is taken as the rest of "kind of",
            except before words such as "people" or "enough"

    Example:
        >>> without_hedges("I kind of like kind people")
        'I like kind people'
        >>> without_hedges("feel kind depressed", stop_words_removed=True)
        'feel depressed'
    """
    masked = _WHOLE.sub(" ", text)
    if stop_words_removed:
        masked = _BARE.sub(" ", masked)
    return re.sub(r"\s+", " ", masked).strip()
