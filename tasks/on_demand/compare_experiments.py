"""Two experiments on the same utterances: is one better, or was it luck?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.core import paths
from tasks.core.errors import InputError
from tasks.evaluation import scores
from tasks.evaluation.scores import NAMES, Bootstrap
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
    """What two experiments have in common, and how they differ there.

    Args:
        n: utterances that both have scored with the same class as truth
        n_groups: what was resampled
        differences: one per score
        only_a: utterances that A alone has right, of the first seed each
        only_b: utterances that B alone has right
        p: of McNemar's exact test on those two numbers, two-sided; it takes utterances for independent of each other
        same_protocol: whether both were judged in the same way
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

    Raises:
        InputError: if one has not been run, they have other classes, or no utterance in common
    """
    mine, others = _predictions(a), _predictions(b)
    known = [_metrics(a), _metrics(b)]
    if {one["task"] for one in known} != {"classes"} or known[0]["outputs"] != known[1]["outputs"]:
        raise InputError(
            f"{a} and {b} cannot be compared: {a} tells apart {', '.join(known[0]['outputs'])}, "
            f"{b} {', '.join(known[1]['outputs'])}"
        )
    common = sorted(set(mine) & set(others))
    common = [one for one in common if mine[one].actual == others[one].actual]
    if not common:
        raise InputError(f"{a} and {b} have no utterance in common")
    classes = known[0]["outputs"]
    groups = np.array([mine[one].group for one in common])
    matrices = [_matrices([side[one] for one in common], groups, classes) for side in (mine, others)]
    right = [np.array([side[one].predicted[0] == side[one].actual for one in common]) for side in (mine, others)]
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
        same_protocol=known[0]["protocol"] == known[1]["protocol"],
    )


@dataclass(frozen=True)
class _Said:
    """What an experiment said of an utterance, in every run."""

    actual: str
    group: str
    predicted: tuple[str, ...]


def _predictions(name: str) -> dict[str, _Said]:
    path = paths.experiment(name) / "predictions.parquet"
    if not path.is_file():
        raise InputError(f"experiment {name} has no predictions yet; run it: undertone experiment run {name}")
    table = pq.read_table(path)
    table = table.filter(pc.equal(table["variant"], RECIPE))
    if "predicted" not in table.column_names:
        raise InputError(f"experiment {name} predicts no classes; only classes can be compared")
    table = table.sort_by([("utterance_id", "ascending"), ("run", "ascending")])
    found: dict[str, _Said] = {}
    for row in _rows(table):
        before = found.get(row["utterance_id"])
        said = (*(before.predicted if before else ()), row["predicted"])
        found[row["utterance_id"]] = _Said(row["actual"], row["group"], said)
    return found


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.select(["utterance_id", "run", "group", "actual", "predicted"]).to_pylist()
    return rows


def _metrics(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((paths.experiment(name) / "metrics.json").read_text(encoding="utf-8"))
    return found


def _matrices(said: Sequence[_Said], groups: Any, classes: Sequence[str]) -> scores.Matrices:
    """Return confusion matrices by run and group, shape (n_runs, n_groups, n_classes, n_classes)."""
    actual = np.array([one.actual for one in said])
    n_runs = min(len(one.predicted) for one in said)
    return np.stack(
        [
            scores.confusions(actual, np.array([one.predicted[run] for one in said]), groups, classes)
            for run in range(n_runs)
        ]
    )


def _differences(a: scores.Matrices, b: scores.Matrices, bootstrap: Bootstrap) -> list[Difference]:
    found = scores.paired(b, a, bootstrap)
    values = [scores.overall(side.sum(axis=1)) for side in (a, b)]
    return [
        Difference(name, float(values[0][name].mean()), float(values[1][name].mean()), **_interval(found[name]))
        for name in NAMES
    ]


def _interval(found: Mapping[str, float | None]) -> dict[str, Any]:
    return {"difference": found["value"], "low": found["low"], "high": found["high"]}


def _mcnemar(only_a: int, only_b: int) -> float:
    """Return the two-sided p of McNemar's exact test (McNemar 1947): a fair coin for every utterance they differ on."""
    from scipy.stats import binomtest

    n = only_a + only_b
    return float(binomtest(min(only_a, only_b), n, 0.5).pvalue) if n else 1.0
