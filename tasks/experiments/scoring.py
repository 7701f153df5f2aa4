"""Scores of classes, labels and values, with intervals from a bootstrap over groups.

A run is one seed's predictions of every test row. Scores are means over runs. Where a protocol averages folds, a run's
score is the mean over its folds, and the bootstrap resamples folds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation import scores
from tasks.evaluation.scores import PRESENT_ABOVE, Bootstrap
from tasks.evaluation.splits import Labels
from tasks.models.base.estimator import Task

Array = NDArray[np.float64]
THRESHOLD = 0.5
_PER_VALUE = ("mse", "mae", "correlation")
_N_SUMS = 8


@dataclass(frozen=True)
class Run:
    """One seed's predictions.

    Args:
        ids: shape (n_rows,)
        actual: classes, labels or values, as in `Data.target`
        scores: shape (n_rows, n_outputs)
        groups: bootstrap unit of each row, shape (n_rows,)
        fold: number of each row's test fold, shape (n_rows,)
    """

    ids: Labels
    actual: NDArray[Any]
    scores: Array
    groups: Labels
    fold: NDArray[np.int64]


def aligned(given: Array, outputs: Sequence[str], classes: Sequence[str]) -> Array:
    """Return scores with a column for every class, shape (n_rows, n_classes); an absent class scores lowest.

    Args:
        given: scores, shape (n_rows, n_outputs)
        outputs: names of their columns
        classes: names of the wanted columns
    """
    if not set(outputs) & set(classes):
        return given
    lowest = float(given.min(initial=0.0))
    filled = np.full((len(given), len(classes)), lowest - 1.0 if lowest < 0 else 0.0)
    for column, name in enumerate(outputs):
        filled[:, classes.index(name)] = given[:, column]
    return filled


def stretched(probabilities: Array, thresholds: Array) -> Array:
    """Return probabilities of labels with each label's threshold moved to 0.5; their order stays.

    Args:
        probabilities: shape (n_rows, n_labels)
        thresholds: above 0 and below 1, shape (n_labels,)
    """
    below = THRESHOLD * probabilities / thresholds
    above = THRESHOLD + (1 - THRESHOLD) * (probabilities - thresholds) / (1 - thresholds)
    moved: Array = np.where(probabilities <= thresholds, below, above)
    return moved


def best_thresholds(actual: Array, probabilities: Array) -> Array:
    """Return each label's threshold with the best F1: the middle one of ties; 0.5 without a positive row.

    Args:
        actual: 0 or 1, shape (n_rows, n_labels)
        probabilities: shape (n_rows, n_labels)

    Returns:
        multiples of 0.05, shape (n_labels,)
    """
    candidates = np.arange(1, 20) / 20
    called, true = probabilities[:, :, None] > candidates, actual[:, :, None] > THRESHOLD
    hits, wrong = (called & true).sum(axis=0), (called != true).sum(axis=0)
    f1 = scores.ratio(2.0 * hits, 2.0 * hits + wrong)
    chosen = [candidates[(best := np.flatnonzero(row == row.max()))[best.size // 2]] for row in f1]
    return np.where(f1.max(axis=1) > 0, chosen, THRESHOLD)


def predicted(given: Array, outputs: Sequence[str]) -> Labels:
    """Return the class with the highest score of every row, shape (n_rows,).

    Args:
        given: scores, shape (n_rows, n_outputs)
        outputs: names of their columns
    """
    classes: Labels = np.array(outputs, dtype=str)[given.argmax(axis=1)]
    return classes


def judged(actual: NDArray[Any], given: Array, outputs: Sequence[str], by: str) -> float:
    """Return the score by which settings are chosen: the higher the better (an error is negated).

    Args:
        actual: classes, labels or values
        given: scores, shape (n_rows, n_outputs)
        outputs: names of their columns
        by: name of the score, as under `tune.by` in params.yaml
    """
    if by in ("mae", "mse"):
        errors = np.abs(actual - given.reshape(actual.shape))
        return -float((errors if by == "mae" else errors**2).mean())
    if actual.ndim == 2:
        counts = _counts(actual, given, np.zeros(len(actual), dtype=str)).sum(axis=0)
        return float(_of_labels(counts)["accuracy" if by == "accuracy" else "macro_f1"])
    one_group = np.zeros(actual.size, dtype=str)
    matrices = scores.confusions(actual, predicted(given, outputs), one_group, outputs)
    return float(scores.overall(matrices)[by][0])


def of_classes(
    runs: Sequence[Run], classes: Sequence[str], bootstrap: Bootstrap, *, per_fold: bool, n_real: int | None = None
) -> dict[str, Any]:
    """Return accuracy, UAR, macro and weighted F1 with intervals, scores per class and the confusion matrix.

    Args:
        runs: of every seed
        classes: names of the score columns
        bootstrap: settings of the intervals
        per_fold: whether folds are averaged instead of pooled
        n_real: number of true classes, which come first; the others mean "no answer"
    """
    counted = matrices(runs, classes, per_fold=per_fold)
    summary = scores.summary(counted, classes, bootstrap, n_real)
    if per_fold:
        summary |= scores.intervals(counted, bootstrap, per_fold=True, score=partial(scores.overall, n_real=n_real))
    return summary | {"auc": _auc(runs, classes)}


def matrices(runs: Sequence[Run], classes: Sequence[str], *, per_fold: bool) -> scores.Matrices:
    """Return confusion matrices of every run by group or fold, shape (n_runs, n_units, n_classes, n_classes).

    Args:
        runs: of every seed
        classes: names of the score columns
        per_fold: whether units are folds instead of groups
    """
    units = [run.fold.astype(str) if per_fold else run.groups for run in runs]
    return np.stack(
        [
            scores.confusions(run.actual, predicted(run.scores, classes), unit, classes)
            for run, unit in zip(runs, units, strict=True)
        ]
    )


def of_labels(runs: Sequence[Run], labels: Sequence[str], bootstrap: Bootstrap) -> dict[str, Any]:
    """Return micro and macro F1 and the mean accuracy of labels with intervals, and scores of every label.

    Precision, recall and F1 of a label are 0 where undefined, as in scikit-learn; `support` is its number of rows.

    Args:
        runs: of every seed
        labels: names of the score columns
        bootstrap: settings of the intervals
    """
    counts = _label_counts(runs)
    summary: dict[str, Any] = {"n": int(runs[0].ids.size)} | scores.intervals(counts, bootstrap, score=_of_labels)
    return summary | {"per_label": _by_label(counts, labels, runs[0].actual)}


def of_values(runs: Sequence[Run], bootstrap: Bootstrap) -> dict[str, Any]:
    """Return MAE, Pearson's correlation and CMU-MOSEI's Acc2 and Acc7 of one value, with intervals.

    Acc2 is negative against positive, without the rows that are rated 0; Acc7 compares numbers rounded to −3 … 3
    (Zadeh et al. 2018; both as in MMSA).

    Args:
        runs: of every seed
        bootstrap: settings of the intervals
    """
    return {"n": int(runs[0].ids.size)} | scores.intervals(_value_sums(runs), bootstrap, score=_of_values)


def of_several_values(runs: Sequence[Run], names: Sequence[str], bootstrap: Bootstrap) -> dict[str, Any]:
    """Return MSE, MAE and Pearson's correlation of intensities, and F1 with thresholds, all with intervals.

    An emotion is present if its actual intensity is above 0, and predicted if its predicted one is above a threshold.
    So its number of utterances is the same at each threshold, as in the source of `ser-bench`. The correlation of a
    value that does not vary counts as 0.

    Args:
        runs: of every seed
        names: of the values
        bootstrap: settings of the intervals

    Returns:
        `mse`, `mae` and `correlation`, means over the values; `micro_f1_03` …; `per_value`: value → its `mse`, `mae`
        and `correlation`; `per_label_above`: threshold → emotion → precision, recall, F1 and number of utterances
    """
    sums = _several_sums(runs)
    scored = scores.intervals(sums, bootstrap, score=partial(_of_several, names=names))
    wanted = (*scores.MEASURES[scores.SEVERAL_VALUES], *(f"accuracy_{end}" for end in PRESENT_ABOVE))
    per_value = {name: {measure: scored[f"{measure} {name}"] for measure in _PER_VALUE} for name in names}
    return {
        "n": int(runs[0].ids.size),
        **{name: scored[name] for name in wanted},
        "per_value": per_value,
        "per_label_above": {
            str(bound): _by_label(counts, names, runs[0].actual > 0)
            for bound, counts in zip(PRESENT_ABOVE.values(), _counts_above(sums), strict=True)
        },
    }


def sums(
    task: Task, names: Sequence[str]
) -> tuple[Callable[[Sequence[Run]], Array], Callable[[Array], dict[str, Any]]]:
    """Return the functions from runs to sums per group, shape (n_runs, n_groups, …), and from sums to scores.

    Args:
        task: labels or values
        names: of these
    """
    kind = scores.kind_of(task, len(names))
    if kind == scores.SEVERAL_VALUES:
        return _several_sums, partial(_of_several, names=names)
    return {"labels": (_label_counts, _of_labels), "values": (_value_sums, _of_values)}[kind]


def roc(runs: Sequence[Run], classes: Sequence[str]) -> list[dict[str, Any]]:
    """Return every class's ROC curve against all others, pooled over runs, at most 200 points per class.

    Args:
        runs: of every seed
        classes: names of the score columns
    """
    rows: list[dict[str, Any]] = []
    actual = np.concatenate([run.actual for run in runs])
    pooled = np.concatenate([run.scores for run in runs])
    for column, name in enumerate(classes):
        positive = actual == name
        if positive.any() and not positive.all():
            false, true = _curve(positive, pooled[:, column])
            chosen = np.unique(np.linspace(0, false.size - 1, min(false.size, 200)).round().astype(int))
            rows += [
                {"class": name, "false_positive_rate": float(false[k]), "true_positive_rate": float(true[k])}
                for k in chosen
            ]
    return rows


def _auc(runs: Sequence[Run], classes: Sequence[str]) -> dict[str, Any]:
    """Return every class's area under the ROC curve against all others, and their mean; None where undefined."""
    per_class: dict[str, float | None] = {}
    for column, name in enumerate(classes):
        values = [
            _area(*_curve(run.actual == name, run.scores[:, column]))
            for run in runs
            if 0 < (run.actual == name).sum() < run.actual.size
        ]
        per_class[name] = float(np.mean(values)) if values else None
    defined = [value for value in per_class.values() if value is not None]
    return {"macro": float(np.mean(defined)) if defined else None, "per_class": per_class}


def _curve(positive: NDArray[np.bool_], scores: Array) -> tuple[Array, Array]:
    """Return the false and true positive rates at falling thresholds, from 0 to 1, each of shape (n_points,).

    They are scikit-learn's `roc_curve`, which takes 0.8 s to import: points in the middle of a line are left out.

    Args:
        positive: whether a row has the class, shape (n_rows,); some have it, others do not
        scores: of the class, shape (n_rows,)
    """
    order = np.argsort(-scores, kind="stable")
    last_of_ties = np.append(np.flatnonzero(np.diff(scores[order])), scores.size - 1)
    true = np.cumsum(positive[order], dtype=np.float64)[last_of_ties]
    false = 1 + last_of_ties - true
    if true.size > 2:
        corner = np.r_[True, (np.diff(false, 2) != 0) | (np.diff(true, 2) != 0), True]
        false, true = false[corner], true[corner]
    return np.r_[0.0, false] / false[-1], np.r_[0.0, true] / true[-1]


def _area(false: Array, true: Array) -> float:
    """Return the area under a ROC curve by the trapezoidal rule."""
    return float(np.trapezoid(true, false))


def _counts(
    actual: NDArray[Any], given: Array, groups: Labels, present: float = THRESHOLD, threshold: float = THRESHOLD
) -> Array:
    """Return every group's hits, false alarms, misses and rows per label, shape (n_groups, 4, n_labels).

    A label is there if its actual value is above `present`, and predicted if its score is above `threshold`.
    """
    called, true = given > threshold, actual > present
    per_row = np.stack([called & true, called & ~true, ~called & true, np.ones_like(true)], axis=1).astype(float)
    return _by_group(per_row, groups)


def _by_label(counts: Array, labels: Sequence[str], positive: NDArray[Any]) -> dict[str, dict[str, float]]:
    """Return the scores of each label, means over runs, from counts of shape (n_runs, n_groups, 4, n_labels)."""
    hits, alarms, misses = (counts.sum(axis=1)[:, k] for k in range(3))
    by_label = {
        "precision": scores.ratio(hits, hits + alarms).mean(axis=0),
        "recall": scores.ratio(hits, hits + misses).mean(axis=0),
        "f1": _f1_per_label(counts.sum(axis=1)).mean(axis=0),
        "share_positive": positive.mean(axis=0),
    }
    support = (hits + misses).mean(axis=0)
    return {
        label: {name: float(values[k]) for name, values in by_label.items()} | {"support": round(float(support[k]))}
        for k, label in enumerate(labels)
    }


def _of_labels(counts: Array) -> dict[str, Any]:
    hits, alarms, misses, n = (counts[..., k, :] for k in range(4))
    return {
        "micro_f1": scores.ratio(2 * hits.sum(-1), (2 * hits + alarms + misses).sum(-1)),
        "macro_f1": _f1_per_label(counts).mean(-1),
        "accuracy": 1 - scores.ratio((alarms + misses).sum(-1), n.sum(-1)),
    }


def _f1_per_label(counts: Array) -> Array:
    hits, alarms, misses = (counts[..., k, :] for k in range(3))
    return scores.ratio(2 * hits, 2 * hits + alarms + misses)


def _label_counts(runs: Sequence[Run]) -> Array:
    return np.stack([_counts(run.actual, run.scores, run.groups) for run in runs])


def _value_sums(runs: Sequence[Run]) -> Array:
    return np.stack([_sums(run.actual, run.scores[:, 0], run.groups) for run in runs])


def _sums(actual: Array, given: Array, groups: Labels) -> Array:
    """Return every group's sums that MAE, correlation and accuracies are computed from, shape (n_groups, 10)."""
    rated = actual != 0
    agree = rated & ((actual > 0) == (given > 0))
    seven = np.rint(np.clip(actual, -3, 3)) == np.rint(np.clip(given, -3, 3))
    columns = [
        np.ones_like(actual), np.abs(actual - given), actual, given, actual**2, given**2, actual * given,
        rated, agree, seven,
    ]  # fmt: skip
    return _by_group(np.stack([np.asarray(column, dtype=float) for column in columns], axis=1), groups)


def _of_values(sums: Array) -> dict[str, Any]:
    n, errors, x, y, xx, yy, xy, rated, agree, seven = (sums[..., k] for k in range(10))
    spread = np.sqrt(np.maximum((n * xx - x**2) * (n * yy - y**2), 0))
    return {
        "mae": scores.ratio(errors, n),
        "correlation": scores.ratio(n * xy - x * y, spread),
        "acc2": scores.ratio(agree, rated),
        "acc7": scores.ratio(seven, n),
    }


def _several_sums(runs: Sequence[Run]) -> Array:
    return np.stack([_sums_of_each(run.actual, run.scores, run.groups) for run in runs])


def _sums_of_each(actual: Array, given: Array, groups: Labels) -> Array:
    """Return every group's sums per value, then its counts at each threshold, shape (n_groups, 8 + 4 × 2, n_values)."""
    error = actual - given
    columns = [
        np.ones_like(actual), np.abs(error), error**2, actual, given, actual**2, given**2, actual * given,
    ]  # fmt: skip
    summed = _by_group(np.stack(columns, axis=1), groups)
    counts = [_counts(actual, given, groups, present=0.0, threshold=bound) for bound in PRESENT_ABOVE.values()]
    return np.concatenate([summed, *counts], axis=1)


def _counts_above(sums: Array) -> list[Array]:
    """Return the counts of `_counts` at each threshold, shape (…, 4, n_values) each."""
    return np.split(sums[..., _N_SUMS:, :], len(PRESENT_ABOVE), axis=-2)


def _of_several(sums: Array, names: Sequence[str]) -> dict[str, Any]:
    n, absolute, squared, x, y, xx, yy, xy = (sums[..., k, :] for k in range(_N_SUMS))
    spread = np.sqrt(np.maximum((n * xx - x**2) * (n * yy - y**2), 0))
    each = {
        "mse": scores.ratio(squared, n),
        "mae": scores.ratio(absolute, n),
        "correlation": scores.ratio(n * xy - x * y, spread),
    }
    by_threshold = zip(PRESENT_ABOVE, map(_of_labels, _counts_above(sums)), strict=True)
    return {
        **{measure: values.mean(axis=-1) for measure, values in each.items()},
        **{f"{name}_{end}": values for end, of_labels in by_threshold for name, values in of_labels.items()},
        **{f"{measure} {name}": values[..., k] for measure, values in each.items() for k, name in enumerate(names)},
    }


def _by_group(per_row: Array, groups: Labels) -> Array:
    names, code = np.unique(groups, return_inverse=True)
    sums = np.zeros((names.size, *per_row.shape[1:]))
    np.add.at(sums, code, per_row)
    return sums
