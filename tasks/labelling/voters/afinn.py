"""AFINN-165 (Nielsen 2011, arXiv:1103.2903): words rated by hand from −5 to 5, independent of the other lexicons.

AFINN's sum s of ratings has no bound. To average it with other votes we map it to s / √(s² + 15), as VADER does with
its own sum (Hutto & Gilbert 2014; α = 15 in its code): the sign stays, and the scales become comparable.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from importlib.resources import files
from itertools import groupby

from tasks.text.word_cache import WordCache

NAME = "afinn"
LICENCE = "Apache-2.0 (package), ODbL (the lexicon)"
LANGUAGES = ("en",)
_ALPHA = 15.0
_LEXICON = "AFINN-en-165.txt"


def load() -> Callable[[str], float]:
    """Return a function from a text to its bounded AFINN score in (-1, 1)."""
    from afinn import Afinn

    ratings: dict[str, float] = Afinn.read_word_file(files("afinn") / "data" / _LEXICON)
    # the package's pattern, which an `Afinn` compiles, tries 3,000 words in turn at every position; a prefix tree gives
    # the same matches faster
    pattern = re.compile(rf"\b{_alternation(ratings)}\b")
    rating = WordCache(lambda match: ratings[" ".join(match.split())])

    def vote(text: str) -> float:
        total = float(sum(map(rating.__getitem__, pattern.findall(text.lower()))))
        return total / math.sqrt(total * total + _ALPHA)

    return vote


def _alternation(words: Iterable[str]) -> str:
    r"""Return a pattern that matches the longest of the words and reads every letter once (a prefix tree).

    A space stands for any white space.

    Example:
        >>> _alternation(["bad", "bad luck", "good"])
        '(?:bad(?:\\s+luck)?|good)'
    """
    ends, branches = False, list[str]()
    for letter, group in groupby(sorted(words), key=lambda word: word[:1]):
        if not letter:
            ends = True
            continue
        rest = [word[1:] for word in group]
        branches.append((r"\s+" if letter == " " else re.escape(letter)) + (_alternation(rest) if rest != [""] else ""))
    if not branches:
        return ""
    if len(branches) == 1 and not ends:
        return branches[0]
    return f"(?:{'|'.join(branches)}){'?' if ends else ''}"
