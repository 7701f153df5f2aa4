"""An experiment's scores in words: names, meanings, intervals, the headline, and whether it is leaky."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tasks.evaluation.scores import MEASURES as COMPUTED
from tasks.evaluation.scores import PRESENT_ABOVE, SEVERAL_VALUES, headline_measure, kind_of

MEASURES: Mapping[str, tuple[str, ...]] = {
    "classes": ("uar", "macro_f1", "weighted_f1", "accuracy"),
    "labels": ("macro_f1", "micro_f1", "accuracy"),
    "values": ("mae", "correlation", "acc2", "acc7"),
    SEVERAL_VALUES: COMPUTED[SEVERAL_VALUES],
}
"""The scores of each task, the headline score first."""
NAMES: Mapping[str, str] = {
    "uar": "UAR", "macro_f1": "Macro F1", "weighted_f1": "Weighted F1", "accuracy": "Accuracy", "micro_f1": "Micro F1",
    "mae": "MAE", "mse": "MSE", "correlation": "Correlation", "acc2": "Acc2", "acc7": "Acc7",
    **{f"micro_f1_{end}": f"Micro F1 at {bound}" for end, bound in PRESENT_ABOVE.items()},
    **{f"macro_f1_{end}": f"Macro F1 at {bound}" for end, bound in PRESENT_ABOVE.items()},
    **{f"accuracy_{end}": f"Accuracy at {bound}" for end, bound in PRESENT_ABOVE.items()},
}  # fmt: skip
MEANINGS: Mapping[str, str] = {
    "uar": "unweighted average recall: the mean of recall over the classes that occur",
    "macro_f1": "the mean of F1; every class or label counts the same",
    "weighted_f1": "the mean of F1 over the classes, weighted by how often each occurs",
    "accuracy": "the share of correct predictions",
    "micro_f1": "F1 of all labels of all utterances together",
    "mae": "mean absolute error: lower is better",
    "mse": "mean squared error: lower is better",
    "correlation": "Pearson’s correlation between prediction and truth",
    "acc2": "accuracy of negative against positive, without utterances rated 0",
    "acc7": "accuracy after rounding to −3 … 3",
    **{
        f"micro_f1_{end}": f"F1 of all emotions together, predicted above {bound}, actual above 0"
        for end, bound in PRESENT_ABOVE.items()
    },
    **{
        f"macro_f1_{end}": f"the mean of the emotions’ F1, predicted above {bound}, actual above 0"
        for end, bound in PRESENT_ABOVE.items()
    },
}
LOWER_IS_BETTER = frozenset({"mae", "mse"})
LEAKY_SHARE = 0.05
SMALL = 30
"""Test utterances below which a page starts with a notice."""
_SMALL, _SINGLE = "small test set", "one class"
_WARNINGS: Mapping[str, str] = {
    _SMALL: "scores of so few utterances change a lot from sample to sample. Do not compare systems by them.",
    _SINGLE: "the scores do not show whether the model tells classes apart.",
}
SHUFFLED = "shuffled labels"
_RELATIONS = {"above": "lies entirely above", "below": "lies entirely below", "overlap": "overlaps"}
_MAJORITY = {"classes": "majority class", "labels": "majority of each label", "values": "mean of the training part"}


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

    @property
    def signed(self) -> str:
        """The score as a difference: with its sign and its interval."""
        if self.low is None or self.high is None:
            return f"{self.value:+.3f}"
        return f"{self.value:+.3f} ({self.low:+.3f} to {self.high:+.3f})"

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


ZERO = Score(0.0, 0.0, 0.0)


class Headline(NamedTuple):
    """The sentence at the top of a page: class in the style sheet, score, and n, protocol, baselines and overlap."""

    name: str
    score: str
    why: str


def headline(results: Mapping[str, Any]) -> str:
    """Return the name of an experiment's headline score.

    Args:
        results: content of the experiment's `results.json`
    """
    return headline_measure(results["task"], results["reader"], results["protocol"], len(results["outputs"]))


def measures(results: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of an experiment's scores, the headline score first."""
    first = headline(results)
    kind = kind_of(results["task"], len(results["outputs"]))
    return (first, *(name for name in MEASURES[kind] if name != first))


def systems(results: Mapping[str, Any]) -> dict[str, dict[str, Score]]:
    """Return the scores of the recipe, of each baseline, and of an adapted recipe, by the name that pages show."""
    named = {"recipe": results["scores"], **results["baselines"]}
    if adapted := results.get("adaptation"):
        named[adapted["name"]] = adapted["scores"]
    return {
        _MAJORITY[results["task"]] if name == "majority" else name: {
            measure: _shown(scores[measure]) for measure in measures(results) if measure in scores
        }
        for name, scores in named.items()
    }


def majority(results: Mapping[str, Any]) -> str:
    """Return the name of the baseline that uses only the labels of the training part."""
    return _MAJORITY[results["task"]]


def leak(results: Mapping[str, Any]) -> str:
    """Return why the results are leaky, or an empty text.

    A random split is leaky, and so is a declared leak of at least `LEAKY_SHARE` of the rows. A smaller declared leak
    (1.3 % of MELD's test part overlaps in time with training) is only listed with the audit.

    Args:
        results: content of the experiment's `results.json`
    """
    declared = [
        finding["check"]
        for finding in results["audit"]
        if finding["severity"] == "declared" and finding["n"] >= LEAKY_SHARE * finding["of"]
    ]
    why = ["no groups are kept apart"] if results["leaky"] else []
    return "; ".join([*why, *([f"declared: {', '.join(declared)}"] if declared else [])])


def _shown(score: Mapping[str, float | None]) -> Score:
    # rounding errors around zero would be shown as −0.000
    return Score.of({name: 0.0 if value is not None and abs(value) < 5e-4 else value for name, value in score.items()})


def summary(results: Mapping[str, Any]) -> Headline:
    """Return the headline score with interval, n, protocol and baselines.

    Args:
        results: content of the experiment's `results.json`
    """
    measure, leaky = headline(results), leak(results)
    scores = {name: by_measure[measure] for name, by_measure in systems(results).items()}
    mine, first = scores["recipe"], majority(results)
    baselines = {f"the {first}": scores[first]}
    if SHUFFLED in scores:
        baselines[SHUFFLED] = scores[SHUFFLED]
    sides = {name: mine.side_of(other) for name, other in baselines.items()}
    groups = f" of {results['n_groups']:,} groups" if results["n_groups"] > 1 else ""
    why = (
        f"{results['confidence']:.0%} interval; n = {results['n']:,} test utterances{groups}; protocol "
        f"{results['protocol']}. Baselines: {' and '.join(f'{name} {other}' for name, other in baselines.items())}; "
        f"{_relations(sides)}."
    )
    apart = set(sides.values()) == {"below" if measure in LOWER_IS_BETTER else "above"}
    name = "failed" if leaky else "passed" if apart else "usable"
    return Headline(name, f"{'LEAKY: ' if leaky else ''}{NAMES[measure]} {mine}", why)


def warnings(results: Mapping[str, Any]) -> tuple[str, ...]:
    """Return in two words why a test set shows little: it is very small, or has one class.

    Args:
        results: content of the experiment's `results.json`
    """
    confusion = results["scores"].get("confusion", ())
    one_class = sum(1 for row in confusion if sum(row)) == 1
    return tuple(name for name, holds in ((_SMALL, results["n"] < SMALL), (_SINGLE, one_class)) if holds)


def notices(results: Mapping[str, Any]) -> list[str]:
    """Return the warnings as sentences, for the top of a page.

    Args:
        results: content of the experiment's `results.json`
    """
    n = f"{results['n']:,} test utterance{'' if results['n'] == 1 else 's'}"
    return [f"{warning.capitalize()} ({n}): {_WARNINGS[warning]}" for warning in warnings(results)]


def markdown(results: Mapping[str, Any]) -> str:
    """Return the scores of the recipe and of each baseline as a Markdown table."""
    by_system = systems(results)
    lines = [f"| {results['n']:,} utterances | {' | '.join(by_system)} |", f"| --- {'| --- ' * len(by_system)}|"]
    for measure in measures(results):
        cells = (str(scores.get(measure, "–")) for scores in by_system.values())
        lines.append(f"| {NAMES[measure]} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _relations(sides: Mapping[str, str | None]) -> str:
    if None in sides.values():
        return "without intervals they cannot be compared"
    relations = [
        f"{relation} {' and '.join(f'that of {name}' for name, position in sides.items() if position == side)}"
        for side, relation in _RELATIONS.items()
        if side in sides.values()
    ]
    return f"the recipe’s interval {', and '.join(relations)}"
