"""What is said of an experiment's figures wherever they are shown: names of scores, the headline, how leaky."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.pages.common.headline import Figure, figure

MEASURES: Mapping[str, tuple[str, ...]] = {
    "classes": ("uar", "macro_f1", "weighted_f1", "accuracy"),
    "labels": ("macro_f1", "micro_f1", "accuracy"),
    "values": ("mae", "correlation", "acc2", "acc7"),
}
"""The scores of every task; the first is the headline."""
NAMES: Mapping[str, str] = {
    "uar": "UAR", "macro_f1": "Macro F1", "weighted_f1": "Weighted F1", "accuracy": "Accuracy", "micro_f1": "Micro F1",
    "mae": "MAE", "correlation": "Correlation", "acc2": "Acc2", "acc7": "Acc7",
}  # fmt: skip
MEANINGS: Mapping[str, str] = {
    "uar": "unweighted average recall: the mean of recall over the classes that occur",
    "macro_f1": "the mean of F1; every class or label counts the same",
    "weighted_f1": "the mean of F1 over the classes, weighted by how often each occurs",
    "accuracy": "the share that is right",
    "micro_f1": "F1 of all labels of all utterances together",
    "mae": "mean absolute error: the lower, the better",
    "correlation": "Pearson’s correlation of what is said with what is true",
    "acc2": "negative against positive, without what is rated 0",
    "acc7": "the share that is right when rounded to −3 … 3",
}
LOWER_IS_BETTER = frozenset({"mae"})
LEAKY_SHARE = 0.05
SHUFFLED = "shuffled labels"
_MAJORITY = {"classes": "majority class", "labels": "majority of each label", "values": "mean of the training part"}


def headline(figures: Mapping[str, Any]) -> str:
    """Return the score that speaks for an experiment: weighted F1 on MELD's own split, as its papers have it."""
    if figures["task"] == "classes" and figures["reader"] == "meld" and figures["protocol"] == "official":
        return "weighted_f1"
    return MEASURES[figures["task"]][0]


def measures(figures: Mapping[str, Any]) -> tuple[str, ...]:
    """Return an experiment's scores, the headline first."""
    first = headline(figures)
    return (first, *(one for one in MEASURES[figures["task"]] if one != first))


def systems(figures: Mapping[str, Any]) -> dict[str, dict[str, Figure]]:
    """Return the recipe's scores and every baseline's, by their names for people."""
    named = {"recipe": figures["scores"], **figures["baselines"]}
    return {
        _MAJORITY[figures["task"]] if name == "majority" else name: {
            one: _shown(scores[one]) for one in measures(figures) if one in scores
        }
        for name, scores in named.items()
    }


def majority(figures: Mapping[str, Any]) -> str:
    """Return what the baseline that knows only the training part's labels is called."""
    return _MAJORITY[figures["task"]]


def leak(figures: Mapping[str, Any]) -> str:
    """Return why the figures are leaky, or an empty text.

    A random split is, and so is a declared leak that reaches `LEAKY_SHARE` of what was looked at. What is declared and
    reaches less (the 1.3 % of MELD's own test part whose times overlap with training) is stated with the audit.
    """
    declared = [
        one["check"]
        for one in figures["audit"]
        if one["severity"] == "declared" and one["n"] >= LEAKY_SHARE * one["of"]
    ]
    why = ["nothing is kept apart"] if figures["leaky"] else []
    return "; ".join([*why, *([f"declared: {', '.join(declared)}"] if declared else [])])


def _shown(score: Mapping[str, float | None]) -> Figure:
    # what is left of a zero after much arithmetic would be shown as −0.000
    return figure({name: 0.0 if value is not None and abs(value) < 5e-4 else value for name, value in score.items()})


def side(mine: Figure, other: Figure, measure: str) -> str | None:
    """Return `better`, `worse` or `overlap` for two intervals, None without both."""
    found = mine.side_of(other)
    if found in ("above", "below"):
        return "better" if (found == "above") != (measure in LOWER_IS_BETTER) else "worse"
    return found
