"""VADER's compound score (Hutto & Gilbert 2014, ICWSM): a lexicon with rules for negation, degree and emphasis."""

from __future__ import annotations

from collections.abc import Callable

NAME = "vader"
LICENCE = "MIT"


def load() -> Callable[[str], float]:
    """Return a function from a text to VADER's compound score in [-1, 1]."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()

    def vote(text: str) -> float:
        return float(analyzer.polarity_scores(text)["compound"])

    return vote
