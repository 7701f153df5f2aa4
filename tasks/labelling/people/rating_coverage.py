"""Number of ratings behind a score against listeners, and of those that do not count, with the reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tasks.labelling.people import rated_utterances
from tasks.labelling.people.rated_utterances import PooledRatings, UnmatchedRow

TIE, NOT_SCORED = "no majority", "not classified"


@dataclass(frozen=True)
class RatingCoverage:
    """Numbers of scored, left out and unmatched ratings.

    Attributes:
        n_rows: rows with a rating, in all files
        n_rated: utterances they are about
        n_scored: those that a score is computed on
        left_out: reason → number of rated utterances that are not scored
        unmatched: rows that belong to no utterance
    """

    n_rows: int
    n_rated: int
    n_scored: int
    left_out: Mapping[str, int]
    unmatched: tuple[UnmatchedRow, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the coverage as a dictionary for JSON, with its description."""
        return {**asdict(self), "in_words": self.in_words()}

    def in_words(self) -> str:
        """Return one or two sentences with all numbers."""
        if not self.n_rows:
            return "There are no ratings."
        sentences = []
        if self.n_rated:
            why = f" ({_counted(self.left_out)})" if self.left_out else ""
            sentences.append(f"{self.n_scored:,} of the {self.n_rated:,} rated utterances are scored{why}")
        if self.unmatched:
            whys = Counter(row.why for row in self.unmatched)
            sentences.append(
                f"{len(self.unmatched):,} of the {self.n_rows:,} rows of ratings match no utterance ({_counted(whys)})"
            )
        return ". ".join(sentences) + "."


def coverage(pooled: PooledRatings, reasons: Mapping[str, str], split: str | None = None) -> RatingCoverage:
    """Count the ratings that a score covers.

    Args:
        pooled: all ratings
        reasons: utterance → why it is not scored, for utterances with a majority that are left out
        split: count ratings of these videos only: train or test
    """
    prefix = f"{split}-" if split else ""
    rows = [row for row in pooled.rated.to_pylist() if _video(row).startswith(prefix)]
    unmatched = tuple(row for row in pooled.unmatched if row.video_id.startswith(prefix))
    left_out = Counter(why for row in rows if (why := _why(row, reasons)))
    # sorted by number: a counter lists in order of appearance
    counts = dict(left_out.most_common())
    n_rows = pooled.n_rows if not split else len(rows) + len(unmatched)
    return RatingCoverage(n_rows, len(rows), len(rows) - left_out.total(), counts, unmatched)


def _video(row: Mapping[str, Any]) -> str:
    return str(row["utterance_id"]).split("/")[1]


def _why(row: Mapping[str, Any], reasons: Mapping[str, str]) -> str | None:
    return reasons.get(row["utterance_id"]) or (None if rated_utterances.gold_label(row) else TIE)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{why}: {n:,}" for why, n in counts.items())
