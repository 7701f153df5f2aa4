"""Headline scores of the classifier beside its baselines, and one sentence on whether their intervals overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MEASURES = {"macro_f1": "Macro F1", "uar": "UAR", "accuracy": "Accuracy", "weighted_f1": "Weighted F1"}
_RELATIONS = {"above": "lies entirely above", "below": "lies entirely below", "overlap": "overlaps"}
SYSTEMS = {"classifier": "classifier", "majority": "majority class", "shuffled": "shuffled labels"}


@dataclass(frozen=True)
class Score:
    """A score with its interval; the bounds are None if there was nothing to resample."""

    value: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, entry: Mapping[str, float | None]) -> Score:
        """Return an entry of a metrics file as a score.

        Args:
            entry: `{value, low, high}`
        """
        if entry["value"] is None:
            raise ValueError("a score needs a value")
        return cls(entry["value"], entry["low"], entry["high"])

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.interval})"

    @property
    def interval(self) -> str:
        """The interval in words."""
        return "no interval" if self.low is None or self.high is None else f"{self.low:.3f} to {self.high:.3f}"

    def side_of(self, other: Score) -> str | None:
        """Return `above` or `below` if the intervals do not overlap, `overlap` if they do, None if one is missing.

        Args:
            other: the score to compare with
        """
        if self.low is None or self.high is None or other.low is None or other.high is None:
            return None
        if self.low > other.high:
            return "above"
        return "below" if self.high < other.low else "overlap"


@dataclass(frozen=True)
class HeadlineRow:
    """One measure on the test videos."""

    measure: str
    label: str
    n: int
    classifier: Score
    majority: Score
    shuffled: Score


def headline(metrics: Mapping[str, Any]) -> tuple[HeadlineRow, ...]:
    """Return macro F1, UAR, accuracy and weighted F1 on the test videos, beside both baselines.

    Args:
        metrics: content of `data/evaluate/metrics.json`
    """
    test = metrics["test"]
    return tuple(
        HeadlineRow(name, label, test["classifier"]["n"], *(Score.of(test[system][name]) for system in SYSTEMS))
        for name, label in MEASURES.items()
    )


def markdown(rows: Sequence[HeadlineRow]) -> str:
    """Return the headline rows as a Markdown table."""
    lines = [f"| {rows[0].n} utterances | {' | '.join(SYSTEMS.values())} |", "| --- | --- | --- | --- |"]
    lines += [f"| {row.label} | {row.classifier} | {row.majority} | {row.shuffled} |" for row in rows]
    return "\n".join(lines) + "\n"


def verdict(metrics: Mapping[str, Any]) -> str:
    """Return one sentence on whether the classifier's macro F1 interval overlaps those of the baselines.

    Args:
        metrics: content of `data/evaluate/metrics.json`
    """
    row = headline(metrics)[0]
    level = f"{metrics['protocol']['confidence']:.0%}"
    baselines = {SYSTEMS["majority"]: row.majority, SYSTEMS["shuffled"]: row.shuffled}
    sides = {name: row.classifier.side_of(baseline) for name, baseline in baselines.items()}
    if None in sides.values():
        return "There are no intervals (too few test videos to resample), so the scores cannot be compared."
    named = {name: f"that of the {name} ({baseline.interval})" for name, baseline in baselines.items()}
    relations = [
        f"{relation} {' and '.join(named[name] for name in named if sides[name] == side)}"
        for side, relation in _RELATIONS.items()
        if side in sides.values()
    ]
    return f"On macro F1, the classifier’s {level} interval ({row.classifier.interval}) {', and it '.join(relations)}."
