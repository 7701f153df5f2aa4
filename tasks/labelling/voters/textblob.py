"""TextBlob's polarity: the mean polarity of the words in pattern.en's lexicon, with its rules for negation and degree.

TextBlob's default analyzer *is* pattern.en's (De Smedt & Daelemans 2012, JMLR 13), lexicon and code: pattern.en asked
as a further voter would cast this vote a second time.

The number is that of the package (textblob 0.19) to the last bit, by its lexicon and its tokenizer. The tokenizer cuts
at spaces first, and what it does afterwards stays within a chunk, but for emoticons and "(!)", which it puts together
over spaces: it is asked once for each chunk, and texts that may hold one of those are left to the package. The rules,
which it applies to a dictionary for each word it assesses, stand here once more for plain numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from tasks.text import partial_import
from tasks.text.word_cache import Chunks

NAME = "textblob"
LICENCE = "MIT (TextBlob), PDDL (the lexicon, from pattern)"
_SARCASM = "(!)"
_EXCLAIMED, _NEGATED = 1.25, -0.5


class _Token(NamedTuple):
    """What the rules ask of a token.

    Args:
        polarity: in the lexicon, None if it is not there
        intensity: by which it multiplies the polarity of a word that it modifies
        modifies: whether it may do so: it has a rating as an adverb
        turns: whether, modifying, it takes a negation that follows for its own: "really not"
        negates: whether it is a negation
        n_letters: without the apostrophes around it
        n_signs: with them
        exclaims: whether it is an exclamation mark
    """

    polarity: float | None
    intensity: float
    modifies: bool
    turns: bool
    negates: bool
    n_letters: int
    n_signs: int
    exclaims: bool


class _Chunk(NamedTuple):
    """What is known of a chunk of text.

    Args:
        tokens: of the chunk alone
        known: whether one of them has a polarity
        pictured: whether there is an emoticon in it
        begins: whether an emoticon may begin at its end
        ends: whether an emoticon that has begun before it may end at its beginning
    """

    tokens: tuple[_Token, ...]
    known: bool
    pictured: bool
    begins: bool
    ends: bool


def load() -> Callable[[str], float]:
    """Return a function from a text to `TextBlob(text).sentiment.polarity`, in [-1, 1], without making the blob."""
    sentiment = partial_import.module("textblob.en").sentiment
    pictures = {
        *(one for group in partial_import.module("textblob._text").EMOTICONS.values() for one in group),
        _SARCASM,
    }
    faces, ends = tuple({one.lower() for one in pictures}), _ends(pictures)
    signs = "".join(one[:-1] for one in pictures)

    def token(word: str) -> _Token:
        senses = sentiment.get(word) or {}
        polarity, _, intensity = senses.get(None, (None, None, 1.0))
        return _Token(
            polarity,
            intensity,
            any(adverb in senses for adverb in sentiment.modifiers),
            sentiment.modifier(word),
            word in sentiment.negations,
            len(word.strip("'")),
            len(word),
            word == "!",
        )

    def look(chunk: str) -> _Chunk:
        # the tokenizer leaves letters alone as they are
        said = chunk if chunk.isalpha() else " ".join(sentiment.tokenizer(chunk))
        words = [word.lower() for word in said.split()]
        tokens = tuple(token(word) for word in words)
        known = any(one.polarity is not None for one in tokens)
        pictured = any(word.endswith(faces) for word in words)
        return _Chunk(tokens, known, pictured, said[-1:] in signs, ends.match(said) is not None)

    chunks = Chunks(look)

    def vote(text: str) -> float:
        found = chunks.of(text)
        if any(one.pictured for one in found) or any(one.begins and other.ends for one, other in pairwise(found)):
            return float(sentiment(text)[0])
        if not any(one.known for one in found):
            return 0.0
        return _polarity(token for one in found for token in one.tokens)

    return vote


def _ends(pictures: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern of what is left of an emoticon when its first signs stand in an earlier chunk."""
    rests = {one[k:] for one in pictures for k in range(1, len(one))}
    return re.compile(rf"(?:{'|'.join(' ?'.join(map(re.escape, rest)) for rest in sorted(rests))})(?:\s|$)")


@dataclass(slots=True)
class _Assessed:
    polarity: float
    intensity: float
    negated: bool = False


def _polarity(tokens: Iterable[_Token]) -> float:
    """Return the mean polarity of the known tokens, of which one at least is there.

    A modifier ("very") makes one assessment with the known word after it, and a negation turns the next; both reach
    over small words ("not a good").
    """
    assessed = list[_Assessed]()
    modifier: _Token | None = None
    negation = False
    for one in tokens:
        if one.polarity is not None:
            if modifier is None:
                assessed.append(_Assessed(one.polarity, one.intensity))
            else:
                last = assessed[-1]
                last.polarity = _bounded(one.polarity * last.intensity)
                last.intensity = one.intensity
            if negation:
                assessed[-1].intensity = 1.0 / assessed[-1].intensity
                assessed[-1].negated = True
            modifier, negation = one if one.modifies else None, one.negates
            continue
        negation = one.negates or (negation and one.n_letters <= 1)
        if negation and modifier and modifier.turns:
            assessed[-1].negated, negation = True, False
        elif one.n_signs > 2:
            modifier = None
        if one.exclaims and assessed:
            assessed[-1].polarity = _bounded(assessed[-1].polarity * _EXCLAIMED)
    total = 0.0
    for found in assessed:
        total += found.polarity * _NEGATED if found.negated else found.polarity
    return total / len(assessed)


def _bounded(polarity: float) -> float:
    return max(-1.0, min(polarity, 1.0))
