"""Labels of captions as the voters' READMEs say: each asked in turn, then the consensus of the three.

`python voters.py CAPTIONS LABELS`: text files, a caption or a label a line; an empty label is none.
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
"""AFINN's sum is bounded as VADER bounds its own."""


def label(votes: tuple[float, float, float]) -> str:
    """Return what three votes come to: they agree in sign, and their mean is strong enough, or there is no label."""
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
