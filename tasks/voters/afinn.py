"""AFINN-165 (Nielsen 2011, arXiv:1103.2903): words rated by hand from −5 to 5, independent of the other lexicons.

AFINN adds up ratings without a bound. To be averaged with the other votes the sum s becomes s / √(s² + 15), which is
how VADER bounds its own sum (Hutto & Gilbert 2014; α = 15 in its code): the sign is AFINN's, the scale comparable.
"""

from __future__ import annotations

import math
from collections.abc import Callable

NAME = "afinn"
LICENCE = "Apache-2.0 (package), ODbL (the lexicon)"
_ALPHA = 15.0


def load() -> Callable[[str], float]:
    """Return a function from a text to its bounded AFINN score in (-1, 1)."""
    from afinn import Afinn

    lexicon = Afinn(language="en")

    def vote(text: str) -> float:
        total = float(lexicon.score(text))
        return total / math.sqrt(total * total + _ALPHA)

    return vote
