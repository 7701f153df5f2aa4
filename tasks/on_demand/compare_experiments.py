"""Compare two experiments on the utterances they share, with paired tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from tasks.core import artifacts, paths
from tasks.core.errors import InputError
from tasks.evaluation import scores
from tasks.evaluation.scores import NAMES, Bootstrap
from tasks.evaluation.splits import Labels
from tasks.experiments.fit_item import RECIPE


@dataclass(frozen=True)
class Difference:
    """B minus A on one score, with the interval of a paired bootstrap over groups; None with a single group."""

    name: str
    a: float
    b: float
    difference: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Comparison:
    """Differences of two experiments on their common utterances.

    Args:
        a: name of the first experiment
        b: name of the second
        n: utterances that both have scored, with the same actual class
        n_groups: resampled groups
        confidence: of the intervals
        differences: one per score
        only_a: utterances that only A classifies correctly, first seeds
        only_b: utterances that only B classifies correctly
        p: two-sided p of McNemar's exact test on these two numbers, which assumes independent utterances
        same_protocol: whether both have the same protocol
    """

    a: str
    b: str
    n: int
    n_groups: int
    confidence: float
    differences: tuple[Difference, ...]
    only_a: int
    only_b: int
    p: float
    same_protocol: bool


def compare(a: str, b: str, bootstrap: Bootstrap) -> Comparison:
    """Compare two experiments that have been run.

    Args:
        a: name of the first experiment
        b: name of the second
        bootstrap: settings of the intervals

    Raises:
        InputError: if one has not been run, their classes differ, or they have no utterance in common
    """
    of_a, of_b = _predictions(a), _predictions(b)
    metrics = [_metrics(a), _metrics(b)]
    classes, other_classes = (entry["outputs"] for entry in metrics)
    if {entry["task"] for entry in metrics} != {"classes"} or classes != other_classes:
        raise InputError(
            f"{a} and {b} cannot be compared: the classes of {a} are {', '.join(classes)}, "
            f"those of {b} {', '.join(other_classes)}"
        )
    common = [name for name in sorted(set(of_a) & set(of_b)) if of_a[name].actual == of_b[name].actual]
    if not common:
        raise InputError(f"{a} and {b} have no utterance in common")
    groups = np.array([of_a[name].group for name in common])
    sides = [[side[name] for name in common] for side in (of_a, of_b)]
    matrices = [_matrices(side, groups, classes) for side in sides]
    right = [np.array([utterance.predicted[0] == utterance.actual for utterance in side]) for side in sides]
    only_a, only_b = int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum())
    return Comparison(
        a=a,
        b=b,
        n=len(common),
        n_groups=int(np.unique(groups).size),
        confidence=bootstrap.confidence,
        differences=tuple(_differences(matrices[0], matrices[1], bootstrap)),
        only_a=only_a,
        only_b=only_b,
        p=_mcnemar(only_a, only_b),
        same_protocol=metrics[0]["protocol"] == metrics[1]["protocol"],
    )


@dataclass(frozen=True)
class _Predicted:
    """An experiment's predictions of an utterance, one per run."""

    actual: str
    group: str
    predicted: tuple[str, ...]


def _predictions(name: str) -> dict[str, _Predicted]:
    path = paths.experiment(name) / "predictions.parquet"
    if not path.is_file():
        raise InputError(f"experiment {name} has no predictions yet; run it: undertone experiment run {name}")
    with artifacts.parquet(path) as file:
        table = file.read()
    table = table.filter(pc.equal(table["variant"], RECIPE))
    if "predicted" not in table.column_names:
        raise InputError(f"experiment {name} predicts no classes; only classes can be compared")
    table = table.sort_by([("utterance_id", "ascending"), ("run", "ascending")])
    predictions: dict[str, _Predicted] = {}
    for row in table.select(["utterance_id", "group", "actual", "predicted"]).to_pylist():
        before = predictions.get(row["utterance_id"])
        predicted = (*(before.predicted if before else ()), row["predicted"])
        predictions[row["utterance_id"]] = _Predicted(row["actual"], row["group"], predicted)
    return predictions


def _metrics(name: str) -> dict[str, Any]:
    metrics = artifacts.read_json(paths.experiment(name) / "results.json")
    return metrics


def _matrices(utterances: Sequence[_Predicted], groups: Labels, classes: Sequence[str]) -> scores.Matrices:
    """Return confusion matrices by run and group, shape (n_runs, n_groups, n_classes, n_classes)."""
    actual = np.array([utterance.actual for utterance in utterances])
    # as many runs as every utterance has
    runs = zip(*(utterance.predicted for utterance in utterances), strict=False)
    return np.stack([scores.confusions(actual, np.array(predicted), groups, classes) for predicted in runs])


def _differences(a: scores.Matrices, b: scores.Matrices, bootstrap: Bootstrap) -> list[Difference]:
    paired = scores.intervals(b, bootstrap, other=a)
    values = [scores.overall(side.sum(axis=1)) for side in (a, b)]
    return [
        Difference(name, float(values[0][name].mean()), float(values[1][name].mean()), **_interval(paired[name]))
        for name in NAMES
    ]


def _interval(gain: Mapping[str, float | None]) -> dict[str, Any]:
    return {"difference": gain["value"], "low": gain["low"], "high": gain["high"]}


def _mcnemar(only_a: int, only_b: int) -> float:
    """Return the two-sided p of McNemar's exact test (McNemar 1947): a binomial test with probability 0.5."""
    from scipy.stats import binomtest

    n = only_a + only_b
    return float(binomtest(min(only_a, only_b), n, 0.5).pvalue) if n else 1.0
