"""Count words as the source document does: NLTK's tokens, without NLTK's English stop words.

NLTK's data may not be downloadable, so its stop list (after Porter's, public domain) is included. As in the source, it
is matched in lower case only: "I" and "And" at a sentence's start are kept.

Texts in a language of `stop_lists` have its stop words; those in all other languages are read as English ones.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Any

from tasks.text import partial_import, stop_lists
from tasks.text.word_cache import WordCache

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
    """.split()  # noqa: SIM905  (one word per line would be too long)
)

ENGLISH = "en"

_WORD = re.compile(r"[^\w\s]*([A-Za-z]+(?:['’][A-Za-z]+)?|[0-9]+)([^\w\s]*)")
"""A word or number with punctuation around it."""
_ALWAYS_SPLIT = frozenset(",?!")
"""Punctuation that is split off anywhere; a period is split off only at the end of a text."""
_CONTRACTIONS = re.compile(r"cannot|gonna|gotta|wanna|gimme|lemme", re.IGNORECASE)
"""Words without an apostrophe that are two tokens."""


def tokens(text: str) -> list[str]:
    """Split a text with NLTK's word tokenizer: "don't" is "do" and "n't"."""
    words: list[str] = _tokenizer().tokenize(text)
    return words


def content_words(text: str, language: str = ENGLISH) -> list[str]:
    """Return a text's words without stop words and punctuation.

    Args:
        text: any text
        language: primary subtag
    """
    if language in stop_lists.STOP_LISTS:
        return stop_lists.words(text, language)
    return [token for token in tokens(text) if token not in STOP_WORDS and any(map(str.isalnum, token))]


def has_content_words(text: str, at_least: int, language: str = ENGLISH) -> bool:
    """Tell whether `len(content_words(text, language)) >= at_least`, for English mostly without tokenising the text.

    Args:
        text: any text
        at_least: minimum number of content words
        language: primary subtag
    """
    if language in stop_lists.STOP_LISTS:
        return len(stop_lists.words(text, language)) >= at_least
    if sum(_FEWEST.of(text)) >= at_least:
        return True
    return sum(_MOST.of(text)) >= at_least and len(content_words(text)) >= at_least


def _bounds(chunk: str) -> tuple[int, float]:
    """Return the minimum and maximum number of content words in a chunk of a text, for any surrounding text.

    The tokenizer splits at punctuation, and within a few words. A word of letters has a part that is not a stop word
    unless it is a stop word itself, or "cannot"; punctuation that stays attached to a stop word makes it another word.
    The parts split off at an apostrophe ("n't", "'s") are not stop words either.
    """
    most = math.inf if _CONTRACTIONS.search(chunk) else len(re.findall(r"\w+", chunk))
    word = _WORD.fullmatch(chunk)
    if word is None:
        return 0, most
    letters, signs = word.groups()
    if "’" in letters:
        # the tokenizer splits at this apostrophe, and both parts are words
        parts = [part for part in letters.split("’") if part not in STOP_WORDS and part.lower() != "cannot"]
        return len(parts), len(parts) if chunk == letters and most < math.inf else most
    if "'" in letters or (letters not in STOP_WORDS and letters.lower() != "cannot"):
        return 1, most
    return 0, 0 if chunk == letters + signs and _ALWAYS_SPLIT.issuperset(signs) and letters in STOP_WORDS else most


_FEWEST = WordCache(lambda chunk: _bounds(chunk)[0])
_MOST = WordCache(lambda chunk: _bounds(chunk)[1])


def without_stop_words(text: str, language: str = ENGLISH) -> str:
    """Return the text's tokens, punctuation included, without stop words: the input of the source's lexicons.

    Args:
        text: any text
        language: primary subtag
    """
    if language in stop_lists.STOP_LISTS:
        return stop_lists.without(text, language)
    return " ".join(token for token in tokens(text) if token not in STOP_WORDS)


@cache
def _tokenizer() -> Any:
    return partial_import.module("nltk.tokenize.destructive").NLTKWordTokenizer()
