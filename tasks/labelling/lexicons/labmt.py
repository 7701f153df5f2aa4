"""labMT in German, Spanish and French: 10,000 frequent words per language, each rated by 50 native speakers.

Dodds et al. (2015), "Human language reveals a universal positivity bias", PNAS 112(8); the lists are those of the
package labMTsimple. Speakers rate happiness from 1 to 9, and all languages lean to the positive: a rating counts by its
distance from the language's median, in standard deviations of its list, beyond `_BAND`. The vote is their sum after
negation and contrast, bounded like VADER's; small sums are neutral.

The band and the threshold were chosen on one half of the rated English sentences, with labMT's English list
(docs/labels.md), not on texts in the three languages.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from statistics import median, pstdev

from tasks.labelling.lexicons import clauses, package_data
from tasks.text.stop_lists import STOP_LISTS
from tasks.text.words import ENGLISH, STOP_WORDS

LICENCE = "CC BY-NC-SA 4.0 (package labMTsimple; not for commercial use)"
_LISTS = {"de": "german", "es": "spanish", "fr": "french", "en": "english"}
_BAND = 1.15
_NEUTRAL_BELOW = 0.45
_ALPHA = 4.0
_MIN_KNOWN = 0.5
"""Share of the words that the list must have: a text of which it lists fewer is in another language, or jargon."""
_WORD = re.compile(r"[^\W\d_]+")


def scorer(voter: str, language: str) -> Callable[[str], float | None]:
    """Return a function from a text in one language to its vote.

    Args:
        voter: its name, for messages
        language: primary subtag

    Raises:
        ConfigError: if labMTsimple is not installed
    """
    ratings, rules = _ratings(voter, language), clauses.RULES[language]

    def score(text: str) -> float | None:
        words = clauses.rated(text, ratings.get, rules)
        if not words.n_known or words.n_known < _MIN_KNOWN * words.n_words or _is_english(text, language):
            return None
        total = sum(words.ratings)
        return 0.0 if abs(total) <= _NEUTRAL_BELOW else total / math.sqrt(total * total + _ALPHA)

    return score


def _is_english(text: str, language: str) -> bool:
    """Tell whether a text has more stop words of English than of the language: the lists also have English words."""
    if language == ENGLISH:
        return False
    words, own = _WORD.findall(text.lower()), STOP_LISTS[language]
    return sum(word in STOP_WORDS for word in words) > sum(word in own for word in words)


def _ratings(voter: str, language: str) -> dict[str, float]:
    """Return each word's distance from the median beyond the band, 0 within it."""
    listed = package_data.read(voter, "labMTsimple", "data", "LabMT", f"labMT2{_LISTS[language]}.txt")
    rows = [line.split("\t") for line in listed.splitlines()[1:]]
    happiness = {row[0]: float(row[2]) for row in rows}
    middle, spread = median(happiness.values()), pstdev(happiness.values())
    distances = {word: (value - middle) / spread for word, value in happiness.items()}
    # speakers rate "no" as unhappy: as a word it would count a second time
    rules = clauses.RULES[language]
    unrated = rules.before | rules.after
    return {
        word: 0.0 if abs(distance) <= _BAND or word in unrated else distance - math.copysign(_BAND, distance)
        for word, distance in distances.items()
    }
