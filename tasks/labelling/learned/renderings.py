"""Renderings of a text in which captions come: without stop words, or without capitals and punctuation, or both.

A voter is trained on all four renderings of each text, and scored on each: captions may have lost their stop words
(`polarity.remove_stop_words`), and automatic captions have neither capitals nor punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tasks.text.words import without_stop_words

NAMES = ("as written", "no stop words", "lower case, no punctuation", "lower case, no punctuation, no stop words")
"""Names of the renderings; the first is the text itself."""
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
"""A word with its apostrophes."""


def rendered(texts: Sequence[str], language: str) -> tuple[list[str], ...]:
    """Return the renderings of texts, in the order of `NAMES`, each of shape (n_texts,).

    Args:
        texts: shape (n_texts,)
        language: primary subtag, for the list of stop words

    Example:
        >>> [texts[0] for texts in rendered(["No, I DON'T like it!"], "en")]
        ["No, I DON'T like it!", "No , I DO N'T like !", "no i don't like it", "n't like"]
    """
    spoken = [" ".join(_WORD.findall(text.lower())) for text in texts]
    return (
        list(texts),
        [without_stop_words(text, language) for text in texts],
        spoken,
        [without_stop_words(text, language) for text in spoken],
    )
