"""TextBlob's polarity: mean polarity of the words in pattern.en's lexicon, with rules for negation and degree.

TextBlob's default analyzer is pattern.en's (De Smedt & Daelemans 2012, JMLR 13), lexicon and code: pattern.en as a
further voter would cast the same vote again.

The result equals the package's (textblob 0.19) to the last bit; we use its lexicon and tokenizer and reimplement its
rules, which build a dictionary for every assessed word, on plain numbers. The tokenizer splits at spaces first and then
works within a chunk, except that it joins emoticons and "(!)" across spaces: we tokenise each distinct chunk once
(`WordCache` caches them), and pass texts that may contain such a sign to the package.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain, pairwise
from operator import attrgetter
from typing import NamedTuple

from tasks.text import partial_import
from tasks.text.word_cache import WordCache

NAME = "textblob"
LICENCE = "MIT (TextBlob), PDDL (the lexicon, from pattern)"
LANGUAGES = ("en",)
_SARCASM = "(!)"
_EXCLAIMED, _NEGATED = 1.25, -0.5
_ENDED = re.compile("[A-Za-z]+[,;:!?]|[a-z]{2,}[.]")
"""A word and a sign, which the tokenizer splits unless it is an abbreviation."""
_FEW = 2
"""So many tokens a word and its sign are."""
_RATED, _EMOTICON, _BEGINS = 1, 2, 4
"""Traits of a chunk: a token has a polarity; it contains an emoticon; an emoticon may begin at its end."""


class _Token(NamedTuple):
    """Properties of a token that the rules use.

    Args:
        polarity: in the lexicon, None if it is not in it
        intensity: factor for the polarity of the word that it modifies
        modifies: whether it can modify a word (it has a rating as an adverb)
        turns: whether it takes a following negation as its own, as in "really not"
        negates: whether it is a negation
        is_passed: whether a negation before it reaches the word behind it (it has one letter, without apostrophes)
        parts: whether a modifier before it does not reach the word behind it (it has more than two letters or signs)
        exclaims: whether it is an exclamation mark
    """

    polarity: float | None
    intensity: float
    modifies: bool
    turns: bool
    negates: bool
    is_passed: bool
    parts: bool
    exclaims: bool


class _Chunk(NamedTuple):
    """A chunk of text between spaces.

    Args:
        tokens: the chunk's tokens
        traits: the sum of those of `_RATED`, `_EMOTICON` and `_BEGINS` that hold
        ends: whether an emoticon that began in an earlier chunk may end at its beginning
    """

    tokens: tuple[_Token, ...]
    traits: int
    ends: bool


_TOKENS = attrgetter("tokens")


def load() -> Callable[[str], float]:
    """Return a function from a text to `TextBlob(text).sentiment.polarity`, in [-1, 1]."""
    sentiment = partial_import.module("textblob.en").sentiment
    package = partial_import.module("textblob._text")
    emoticons = {*(emoticon for group in package.EMOTICONS.values() for emoticon in group), _SARCASM}
    lowered, ends = tuple({emoticon.lower() for emoticon in emoticons}), _ends(emoticons)
    signs = "".join(emoticon[:-1] for emoticon in emoticons)

    shared = dict[_Chunk, _Chunk]()

    def token(word: str) -> _Token:
        senses = sentiment.get(word) or {}
        polarity, _, intensity = senses.get(None, (None, None, 1.0))
        return _Token(
            polarity,
            intensity,
            any(adverb in senses for adverb in sentiment.modifiers),
            sentiment.modifier(word),
            word in sentiment.negations,
            len(word.strip("'")) <= 1,
            len(word) > 2,
            word == "!",
        )

    def tokenise(chunk: str) -> str:
        # fast paths: most chunks are letters, or letters and a sign
        if chunk.isalpha():
            return chunk
        if _ENDED.fullmatch(chunk) and chunk not in package.ABBREVIATIONS:
            return f"{chunk[:-1]} {chunk[-1]}"
        return " ".join(sentiment.tokenizer(chunk))

    def look(chunk: str) -> _Chunk:
        tokenised = tokenise(chunk)
        words = [word.lower() for word in tokenised.split()]
        tokens = tuple(token(word) for word in words)
        traits = _RATED if any(token.polarity is not None for token in tokens) else 0
        traits += _EMOTICON if any(word.endswith(lowered) for word in words) else 0
        traits += _BEGINS if tokenised[-1:] in signs else 0
        looked = _Chunk(tokens, traits, ends.match(tokenised) is not None)
        # one object for most words, which are few tokens without a polarity: less memory is read for a text
        return shared.setdefault(looked, looked) if not traits & _RATED and len(tokens) <= _FEW else looked

    chunks = WordCache(look)

    def vote(text: str) -> float:
        parts = chunks.of(text)
        traits = 0
        for chunk in parts:
            traits |= chunk.traits
        joins = traits & _BEGINS and any(a.traits & _BEGINS and b.ends for a, b in pairwise(parts))
        if traits & _EMOTICON or joins:
            return float(sentiment(text)[0])
        if not traits & _RATED:
            return 0.0
        return _polarity(chain.from_iterable(map(_TOKENS, parts)))

    return vote


def _ends(emoticons: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern of the rest of an emoticon whose first signs are in an earlier chunk."""
    rests = {emoticon[k:] for emoticon in emoticons for k in range(1, len(emoticon))}
    return re.compile(rf"(?:{'|'.join(' ?'.join(map(re.escape, rest)) for rest in sorted(rests))})(?:\s|$)")


@dataclass(slots=True)
class _Assessed:
    polarity: float
    intensity: float
    negated: bool = False


def _polarity(tokens: Iterable[_Token]) -> float:
    """Return the mean polarity of the tokens that have one; there must be at least one.

    A modifier ("very") forms one assessment with the rated word after it; a negation applies to the next assessment;
    both reach across words of one letter ("not a good").
    """
    assessed = list[_Assessed]()
    modifier: _Token | None = None
    negation = False
    for token in tokens:
        if token.polarity is not None:
            if modifier is None:
                assessed.append(_Assessed(token.polarity, token.intensity))
            else:
                last = assessed[-1]
                last.polarity = _bounded(token.polarity * last.intensity)
                last.intensity = token.intensity
            if negation:
                assessed[-1].intensity = 1.0 / assessed[-1].intensity
                assessed[-1].negated = True
            modifier, negation = token if token.modifies else None, token.negates
            continue
        negation = token.negates or (negation and token.is_passed)
        if negation and modifier and modifier.turns:
            assessed[-1].negated, negation = True, False
        elif token.parts:
            modifier = None
        if token.exclaims and assessed:
            assessed[-1].polarity = _bounded(assessed[-1].polarity * _EXCLAIMED)
    total = 0.0
    # a plain loop, not math.fsum or numpy: the order of additions decides the last bit
    for assessment in assessed:
        total += assessment.polarity * _NEGATED if assessment.negated else assessment.polarity
    return total / len(assessed)


def _bounded(polarity: float) -> float:
    return max(-1.0, min(polarity, 1.0))
