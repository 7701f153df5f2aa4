"""AFINN-165 (Nielsen 2011, arXiv:1103.2903): words rated by hand from −5 to 5, independent of the other lexicons.

AFINN adds up ratings without a bound. To be averaged with the other votes the sum s becomes s / √(s² + 15), which is
how VADER bounds its own sum (Hutto & Gilbert 2014; α = 15 in its code): the sign is AFINN's, the scale comparable.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from itertools import groupby

NAME = "afinn"
LICENCE = "Apache-2.0 (package), ODbL (the lexicon)"
_ALPHA = 15.0
_LEXICON = "AFINN-en-165.txt"


def load() -> Callable[[str], float]:
    """Return a function from a text to its bounded AFINN score in (-1, 1)."""
    from afinn import Afinn

    package = Afinn(language="en")
    ratings: dict[str, float] = package.read_word_file(package.full_filename(_LEXICON))
    # the package tries 3,000 words one after the other at every place of the text; these are the same, letter by letter
    pattern = re.compile(rf"\b{alternation(ratings)}\b")

    def vote(text: str) -> float:
        total = float(sum(ratings[word] for word in pattern.findall(re.sub(r"\s+", " ", text).lower())))
        return total / math.sqrt(total * total + _ALPHA)

    return vote


def alternation(words: Iterable[str]) -> str:
    r"""Return a pattern that matches one of some words, the longest that fits, and looks at each letter once.

    Example:
        >>> alternation(["bad", "bad luck", "good"])
        '(?:bad(?:\\ luck)?|good)'
    """
    by_letter = groupby(sorted(words), key=lambda word: word[:1])
    ends, branches = False, list[str]()
    for letter, group in by_letter:
        if not letter:
            ends = True
            continue
        rest = [word[1:] for word in group]
        branches.append(re.escape(letter) + (alternation(rest) if rest != [""] else ""))
    if not branches:
        return ""
    if len(branches) == 1 and not ends:
        return branches[0]
    return f"(?:{'|'.join(branches)}){'?' if ends else ''}"
