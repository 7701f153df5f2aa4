"""Words as the source counts them: NLTK's tokens, without NLTK's English stop words.

NLTK's data cannot be relied on to be downloadable, so its stop list (after Porter's, public domain) stands here. It is
matched in lower case only, as the source does: "I" and "And" at a sentence's start are kept.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Any

from tasks.text import partial_import
from tasks.text.word_cache import Chunks

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


_WORD = re.compile(r"[^\w\s]*([A-Za-z]+(?:'[A-Za-z]+)?)([^\w\s]*)")
"""A word with signs around it."""
_CUT_OFF = frozenset(",?!")
"""Signs that are cut off from a word wherever it stands; a period is at the end of a text alone."""
_TORN = re.compile(r"cannot|gonna|gotta|wanna|gimme|lemme", re.IGNORECASE)
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
    known = _BOUNDS.of(text)
    if sum(fewest for fewest, _ in known) >= at_least:
        return True
    return sum(most for _, most in known) >= at_least and len(content_words(text)) >= at_least


def _bounds(chunk: str) -> tuple[int, float]:
    """Return how many content words are cut from a chunk of a text at least and at most, whatever stands around it.

    Words are cut apart at signs, and a few within. Of a word of letters one part is no stop word unless it is one
    itself, or "cannot"; signs that stay with a stop word make it another word. What is cut from a word at its
    apostrophe ("n't", "'s") is no stop word either.
    """
    most = math.inf if _TORN.search(chunk) else len(re.findall(r"\w+", chunk))
    word = _WORD.fullmatch(chunk)
    if word is None:
        return 0, most
    letters, signs = word.groups()
    if "'" in letters or (letters not in STOP_WORDS and letters.lower() != "cannot"):
        return 1, most
    return 0, 0 if chunk == letters + signs and _CUT_OFF.issuperset(signs) and letters in STOP_WORDS else most


_BOUNDS = Chunks(_bounds)


def without_stop_words(text: str) -> str:
    """Return the text's tokens, punctuation included, without stop words: what the source let its lexicons see."""
    return " ".join(token for token in tokens(text) if token not in STOP_WORDS)


@cache
def _tokenizer() -> Any:
    return partial_import.module("nltk.tokenize.destructive").NLTKWordTokenizer()
