"""Words that look like praise and hedge: "kind of", "sort of" are no kindness.

TextBlob's lexicon gives "kind" 0.6 and AFINN 2 wherever it stands; VADER knows "kind of" while "of" is there, which
stop-word removal takes out. Listeners hear none of it (Biber et al. 1999, Longman Grammar, section 7.12 on hedges).
"""

from __future__ import annotations

import re

_WHOLE = re.compile(r"\b(?:kind|sort|kinds|sorts)\s+of\b|\b(?:kinda|sorta)\b", re.IGNORECASE)
# "kind" in these places is kindness, with or without stop words
_KINDNESS = r"(?!\s+(?:to|and|enough|man|woman|men|women|person|people|soul|souls|heart|hearted|word|words|gesture)\b)"
_BARE = re.compile(r"\bkind\b" + _KINDNESS, re.IGNORECASE)


def without_hedges(text: str, *, stop_words_removed: bool = False) -> str:
    """Return a text without its hedges.

    Args:
        text: as it was said
        stop_words_removed: whether "of" has gone from it: then a bare "kind" is taken for what is left of "kind of",
            but before a word such as "people" or "enough"

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
