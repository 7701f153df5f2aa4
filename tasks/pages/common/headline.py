"""Headline scores of the classifier beside its baselines, and one sentence on whether their intervals overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.pages.common.score_text import Score

MEASURES = {"macro_f1": "Macro F1", "uar": "UAR", "accuracy": "Accuracy", "weighted_f1": "Weighted F1"}
_RELATIONS = {"above": "lies entirely above", "below": "lies entirely below", "overlap": "overlaps"}
SYSTEMS = {"classifier": "classifier", "majority": "majority class", "shuffled": "shuffled labels"}


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
