"""NRC emotion lexicon (Mohammad & Turney 2013, Computational Intelligence 29(3)): words that people associate with
emotions.

A word of joy counts 2, a word of anger, fear, sadness or disgust −1 for each of these; words that the lexicon lists as
both positive and negative, or as neither, count nothing. The vote is the sum after negation and contrast, bounded like
VADER's; a text with a sum below 2.5 abstains. Counts of the lexicon's positive and negative words alone are right on
less than half of the texts, which is why we use emotions, and a threshold that was chosen on one half of the rated
sentences (docs/labels.md). The lexicon is free for research; commercial use needs a licence of its authors.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable

from tasks.labelling.lexicons import clauses, package_data

NAME = "nrc"
LICENCE = "MIT (NRCLex); the NRC lexicon is for research only"
LANGUAGES = ("en",)
_ALPHA = 15.0
_ABSTAINS_BELOW = 2.5
_JOY, _JOY_COUNTS = "joy", 2.0
_UNPLEASANT = frozenset(["anger", "fear", "sadness", "disgust"])


def load() -> Callable[[str], float | None]:
    """Return a function from a text to a polarity in (-1, 1); None without clear emotion words."""
    affects: dict[str, list[str]] = json.loads(package_data.read(NAME, "nrclex", "data", "nrc_en.json"))
    ratings = {word: _rating(frozenset(names)) for word, names in affects.items()}
    rules = clauses.RULES["en"]

    def vote(text: str) -> float | None:
        total = sum(clauses.rated(text, ratings.get, rules).ratings)
        return None if abs(total) < _ABSTAINS_BELOW else total / math.sqrt(total * total + _ALPHA)

    return vote


def _rating(affects: frozenset[str]) -> float:
    if ("positive" in affects) == ("negative" in affects):
        return 0.0
    return _JOY_COUNTS * (_JOY in affects) - len(affects & _UNPLEASANT)
