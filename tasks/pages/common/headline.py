"""The headline figures: the classifier beside what needs no knowledge, and one sentence on whether they are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MEASURES = {"macro_f1": "Macro F1", "uar": "UAR", "accuracy": "Accuracy", "weighted_f1": "Weighted F1"}
_RELATIONS = {"above": "lies wholly above", "below": "lies wholly below", "overlap": "overlaps"}
SYSTEMS = {"classifier": "classifier", "majority": "majority class", "shuffled": "shuffled labels"}


@dataclass(frozen=True)
class Figure:
    """A score with its interval; the bounds are None where there is nothing to resample."""

    value: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.interval})"

    @property
    def interval(self) -> str:
        """The interval in words."""
        return "no interval" if self.low is None or self.high is None else f"{self.low:.3f} to {self.high:.3f}"

    def side_of(self, other: Figure) -> str | None:
        """Return `above` or `below` where the intervals do not touch, `overlap` where they do, None without both."""
        if self.low is None or self.high is None or other.low is None or other.high is None:
            return None
        if self.low > other.high:
            return "above"
        return "below" if self.high < other.low else "overlap"


@dataclass(frozen=True)
class Row:
    """One measure on the test videos."""

    measure: str
    label: str
    n: int
    classifier: Figure
    majority: Figure
    shuffled: Figure


def figure(interval: Mapping[str, float | None]) -> Figure:
    """Return a `{value, low, high}` entry of a metrics file as a figure."""
    value = interval["value"]
    if value is None:
        raise ValueError("a score needs a value")
    return Figure(value, interval["low"], interval["high"])


def headline(metrics: Mapping[str, Any]) -> tuple[Row, ...]:
    """Return macro F1, UAR, accuracy and weighted F1 of the test videos, beside both baselines.

    Args:
        metrics: the content of `data/evaluate/metrics.json`
    """
    test = metrics["test"]
    return tuple(
        Row(name, label, test["classifier"]["n"], *(figure(test[system][name]) for system in SYSTEMS))
        for name, label in MEASURES.items()
    )


def markdown(rows: Sequence[Row]) -> str:
    """Return the headline rows as a Markdown table."""
    lines = [f"| {rows[0].n} utterances | {' | '.join(SYSTEMS.values())} |", "| --- | --- | --- | --- |"]
    lines += [f"| {row.label} | {row.classifier} | {row.majority} | {row.shuffled} |" for row in rows]
    return "\n".join(lines) + "\n"


def verdict(metrics: Mapping[str, Any]) -> str:
    """Say in one sentence whether the classifier's macro F1 interval lies apart from the baselines' intervals."""
    row = headline(metrics)[0]
    level = f"{metrics['protocol']['confidence']:.0%}"
    baselines = {SYSTEMS["majority"]: row.majority, SYSTEMS["shuffled"]: row.shuffled}
    sides = {name: row.classifier.side_of(baseline) for name, baseline in baselines.items()}
    if None in sides.values():
        return "There are no intervals, for want of test videos to resample: the figures cannot be compared."
    named = {name: f"that of the {name} ({baseline.interval})" for name, baseline in baselines.items()}
    said = [
        f"{relation} {' and '.join(named[name] for name in named if sides[name] == side)}"
        for side, relation in _RELATIONS.items()
        if side in sides.values()
    ]
    return f"On macro F1, the classifier’s {level} interval ({row.classifier.interval}) {', and it '.join(said)}."
