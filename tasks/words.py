"""Words as the source counts them: NLTK's tokens, without NLTK's English stop words.

NLTK's data cannot be relied on to be downloadable, so its stop list (after Porter's, public domain) stands here. It is
matched in lower case only, as the source does: "I" and "And" at a sentence's start are kept.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Any

from tasks import bare

STOP_WORDS = frozenset(
    """
    i me my myself we our ours ourselves you you're you've you'll you'd your yours yourself yourselves he him his
    himself she she's her hers herself it it's its itself they them their theirs themselves what which who whom
    this that that'll these those am is are was were be been being have has had having do does did doing a an the
    and but if or because as until while of at by for with about against between into through during before after
    above below to from up down in out on off over under again further then once here there when where why how all
    any both each few more most other some such no nor not only own same so than too very s t can will just don
    don't should should've now d ll m o re ve y ain aren aren't couldn couldn't didn didn't doesn doesn't hadn
    hadn't hasn hasn't haven haven't isn isn't ma mightn mightn't mustn mustn't needn needn't shan shan't shouldn
    shouldn't wasn wasn't weren weren't won won't wouldn wouldn't
    """.split()  # noqa: SIM905  (a word a line would hide the list)
)


_TORN = "cannot"
_WORD = re.compile(r"(?<!\S)[^\w\s]*([A-Za-z]+(?:'[A-Za-z]+)?)[^\w\s]*(?!\S)")
"""A word between spaces, with whatever signs around it."""
_PLAIN = re.compile(r"(?:[A-Za-z]+(?:'[A-Za-z]+)?[,?!]*(?:\s+|$))*")
"""Words between spaces, with signs that are always cut off."""
_TEARS = re.compile(r"cannot|gonna|gotta|wanna|gimme|lemme", re.IGNORECASE)
"""Words that are two tokens without an apostrophe."""


def tokens(text: str) -> list[str]:
    """Return a text's tokens as NLTK's word tokenizer cuts them: "don't" is "do" and "n't"."""
    found: list[str] = _tokenizer().tokenize(text)
    return found


def content_words(text: str) -> list[str]:
    """Return a text's words that are no stop words; punctuation is no word."""
    return [token for token in tokens(text) if token not in STOP_WORDS and any(map(str.isalnum, token))]


def has_content_words(text: str, at_least: int) -> bool:
    """Tell whether a text has so many content words: `len(content_words(text)) >= at_least`, mostly without tokens."""
    fewest, most = _bounds(text)
    if fewest >= at_least or most < at_least:
        return fewest >= at_least
    return len(content_words(text)) >= at_least


def _bounds(text: str) -> tuple[int, float]:
    """Return how many content words a text has at least and at most, without tokens.

    A word of letters alone is a token, or several of which one is a content word; but "cannot" is "can" and "not".
    Signs around it are tokens of their own, or make it another word than a stop word; a period is cut off at the end
    alone. What is cut from a word at its apostrophe ("n't", "'s") is no stop word.
    """
    words = _WORD.findall(text)
    fewest = sum("'" in word or (word not in STOP_WORDS and word.lower() != _TORN) for word in words)
    if _TEARS.search(text) or not _PLAIN.fullmatch(text.strip().removesuffix(".")):
        return fewest, math.inf
    return fewest, sum(2 if "'" in word else word not in STOP_WORDS for word in words)


def without_stop_words(text: str) -> str:
    """Return the text's tokens, punctuation included, without stop words: what the source let its lexicons see."""
    return " ".join(token for token in tokens(text) if token not in STOP_WORDS)


@cache
def _tokenizer() -> Any:
    return bare.module("nltk.tokenize.destructive").NLTKWordTokenizer()
