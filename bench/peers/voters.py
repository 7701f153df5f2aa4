"""Label captions with three voters, called as in their READMEs, and their consensus.

`python voters.py CAPTIONS LABELS`: text files with one caption or label per line; an empty line means no label.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

from afinn import Afinn
from textblob import TextBlob
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

MIN_SCORE = 0.25
ALPHA = 15.0
"""Normalisation constant for AFINN's sum, as VADER uses for its own."""


def label(votes: tuple[float, float, float]) -> str:
    """Return the consensus label: votes of equal sign with a sufficient mean; otherwise "".

    Args:
        votes: polarity of each voter, -1 to 1
    """
    mean = sum(votes) / len(votes)
    if all(vote == 0 for vote in votes):
        return "neutral"
    if all(vote > 0 for vote in votes) and mean > MIN_SCORE:
        return "positive"
    if all(vote < 0 for vote in votes) and mean < -MIN_SCORE:
        return "negative"
    return ""


def main() -> None:
    """Label a file of captions."""
    vader, afinn = SentimentIntensityAnalyzer(), Afinn()
    labels = []
    for caption in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines():
        total = afinn.score(caption)
        votes = (
            vader.polarity_scores(caption)["compound"],
            TextBlob(caption).sentiment.polarity,
            total / math.sqrt(total * total + ALPHA),
        )
        labels.append(label(votes))
    Path(sys.argv[2]).write_text("\n".join(labels) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
