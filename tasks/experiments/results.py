"""Results of an experiment: metrics, predictions, confusion pairs and training cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.core.config import Clips
from tasks.evaluation import scores
from tasks.evaluation.protocols import Split
from tasks.evaluation.scores import Bootstrap
from tasks.evaluation.splits import Labels
from tasks.experiments import folds, modalities, scoring
from tasks.experiments.data import Data
from tasks.experiments.fit_item import ONLY
from tasks.experiments.plan import Plan
from tasks.experiments.runs import Fits, majority, modalities_of, outputs, row_runs, runs, scored
from tasks.experiments.scoring import Run
from tasks.leaks.finding import AuditReport

HEADLINE = {
    "classes": ("accuracy", "uar", "macro_f1", "weighted_f1"),
    "labels": ("micro_f1", "macro_f1", "accuracy"),
    "values": ("mae", "correlation", "acc2", "acc7"),
}
"""The scores of each task that stand beside every baseline."""
MAJORITY = "majority"
_LIBRARIES = (
    "undertone", "numpy", "scikit-learn", "imbalanced-learn", "torch", "lightning", "transformers", "xgboost-cpu",
)  # fmt: skip


def metrics(
    plan: Plan,
    data: Data,
    all_fits: Sequence[Fits],
    splits: Sequence[Split],
    groups: Labels,
    *,
    audit: AuditReport,
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Return all figures of an experiment, ready for JSON; nothing in it depends on the machine."""
    recipe = plan.recipe
    mine, *others = all_fits
    these = runs(plan, data, mine, groups)
    headline = HEADLINE[plan.task]
    baselines = {MAJORITY: _only(scored(plan, data, [majority(plan, data, splits, groups)], bootstrap), headline)}
    for fits in others:
        baselines[fits.name] = _only(scored(plan, data, runs(plan, data, fits, groups), bootstrap), headline)
    found = {
        "experiment": plan.name,
        "note": recipe.note,
        "corpus": recipe.corpus,
        "reader": plan.reader,
        "target": recipe.target,
        "labels": recipe.labels,
        "task": plan.task,
        "outputs": list(outputs(plan, data)),
        "features": [
            {"name": one, "extractor": card["extractor"], "title": card["title"], "settings": card["settings"]}
            for one, card in data.cards.items()
        ],
        "model": {"name": plan.model.name, "title": plan.model.title, "settings": dict(recipe.model)},
        "scale": recipe.scale,
        "balance": plan.balance.name,
        "first_per_class": recipe.first_per_class,
        "windows": _windows(plan, data, mine, groups, bootstrap),
        "threshold": recipe.threshold if plan.task == "labels" else None,
        "only_in_training": recipe.only_in_training,
        "only": recipe.only,
        "branches_see": recipe.branches_see,
        "tuned": _tuned(plan, mine),
        "protocol": plan.protocol.name,
        "protocol_in_words": plan.protocol.in_words(),
        "leaky": plan.protocol.leaky,
        "averaging": plan.protocol.averaging,
        "seeds": list(recipe.seeds),
        "n": int(these[0].ids.size),
        "n_groups": int(np.unique(these[0].groups).size),
        "left_out": dict(data.left_out),
        "lacking": dict(data.lacking),
        "modalities": _modalities(plan, data, all_fits, groups, bootstrap, known=baselines)
        if plan.task == "classes"
        else [],
        "confidence": bootstrap.confidence,
        "scores": scored(plan, data, these, bootstrap),
        "baselines": baselines,
        "folds": _folds(plan, data, mine),
        "audit": [
            {"check": one.check, "severity": one.severity, "n": one.n, "of": one.of, "what": one.what}
            for one in audit.findings
            if one.n
        ],
        "notes": sorted({note for one in mine.records for note in one["notes"]}),
        "versions": {name: there for name in _LIBRARIES if (there := _version(name))},
        "data_sha256": data.digest,
    }
    if plan.task == "classes" and plan.model.probabilities:
        found["calibration"] = {**_calibrated(data, these), "alone": _before_fusion(plan, data, others, groups)}
    return found


def predictions(plan: Plan, data: Data, all_fits: Sequence[Fits], groups: Labels) -> pa.Table:
    """Return every prediction of every variant: ids, seed, fold, what is true, what was said, and all scores."""
    tables = []
    for fits in all_fits:
        for number, run in enumerate(runs(plan, data, fits, groups)):
            n = run.ids.size
            columns: dict[str, Any] = {
                "variant": [fits.name] * n,
                "run": np.full(n, number),
                "fold": run.fold,
                "utterance_id": run.ids.tolist(),
                "group": run.groups.tolist(),
            }
            if plan.task == "classes":
                columns |= {"actual": run.actual.tolist()}
                columns |= {"predicted": scoring.predicted(run.scores, outputs(plan, data)).tolist()}
            elif plan.task == "labels":
                columns |= {f"actual {name}": run.actual[:, k] for k, name in enumerate(data.outputs)}
            else:
                columns |= {"actual": run.actual}
            columns |= {f"score {name}": run.scores[:, k] for k, name in enumerate(outputs(plan, data))}
            tables.append(pa.table(columns))
    return pa.concat_tables(tables)


def confusion(plan: Plan, data: Data, these: Sequence[Run]) -> list[dict[str, str]]:
    """Return actual and predicted class of every row, for a plot; of labels one row each, of values rounded numbers."""
    rows = []
    for run in these:
        if plan.task == "classes":
            said = scoring.predicted(run.scores, outputs(plan, data))
            rows += [{"actual": a, "predicted": p} for a, p in zip(run.actual.tolist(), said.tolist(), strict=True)]
        elif plan.task == "labels":
            for k, name in enumerate(data.outputs):
                pairs = zip(run.actual[:, k] > scoring.THRESHOLD, run.scores[:, k] > scoring.THRESHOLD, strict=True)
                rows += [{"actual": _whether(name, a), "predicted": _whether(name, p)} for a, p in pairs]
        else:
            pairs = zip(np.rint(run.actual), np.rint(run.scores[:, 0]), strict=True)
            rows += [{"actual": f"{a:.0f}", "predicted": f"{p:.0f}"} for a, p in pairs]
    return rows


def cost(all_fits: Sequence[Fits]) -> dict[str, Any]:
    """Return what training took, on the machines that did it: seconds of each variant, and the most memory."""
    return {
        "training_s": {fits.name: round(sum(one["seconds"] for one in fits.records), 3) for fits in all_fits},
        "n_fits": {fits.name: len(fits.records) for fits in all_fits},
        "peak_mb": round(max(one["peak_mb"] for fits in all_fits for one in fits.records), 1),
    }


def _windows(plan: Plan, data: Data, fits: Fits, groups: Labels, bootstrap: Bootstrap) -> dict[str, Any] | None:
    """Return what was cut, and what windows are worth by themselves, before they are scored together."""
    recipe = plan.recipe
    if recipe.windows is None:
        return None
    found = scored(plan, data, row_runs(plan, data, fits, groups), bootstrap)
    return {
        **recipe.windows.model_dump(),
        "clips": (recipe.clips or Clips()).model_dump(),
        "n": int(data.ids.size),
        "scores": _only(found, HEADLINE[plan.task]),
    }


def _calibrated(data: Data, these: Sequence[Run]) -> dict[str, Any]:
    return scoring.calibration([_sure(one, data) for one in these], data.outputs)


def _before_fusion(plan: Plan, data: Data, others: Sequence[Fits], groups: Labels) -> list[dict[str, Any]]:
    """Return the calibration error of what was trained on fewer modalities."""
    fewer = [fits for fits in others if fits.items[0].variant == ONLY]
    return [
        {
            "modalities": modalities_of(fits.items[0], plan),
            "ece": _calibrated(data, runs(plan, data, fits, groups))["ece"],
        }
        for fits in fewer
    ]


def _sure(run: Run, data: Data) -> Run:
    return replace(run, scores=run.scores[:, : len(data.outputs)])


def _only(found: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: found[name] for name in names}


def _modalities(
    plan: Plan, data: Data, all_fits: Sequence[Fits], groups: Labels, bootstrap: Bootstrap, *, known: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return what the recipe gains over fewer modalities, in training or in the test alone; `known` are baselines."""
    mine = all_fits[0]
    variants = [
        (modalities_of(fits.items[0], plan), modalities.ALONE, fits)
        for fits in all_fits
        if fits.items[0].variant == ONLY
    ]
    for key in dict.fromkeys(key for one in mine.records for key, _ in one["probes"]):
        modality, _, how = key.partition("|")
        found = tuple({**one, "scores": dict(one["probes"]).get(key, [])} for one in mine.records)
        variants.append(([modality], how, Fits(key, mine.items, found)))
    if not variants:
        return []
    per_fold = plan.protocol.averaging == "per fold"
    these = runs(plan, data, mine, groups)
    # runs of windows have no column for what is not called
    names = outputs(plan, data)[: these[0].scores.shape[1]]
    counted, told = scoring.matrices(these, names, per_fold=per_fold), []
    for chosen, how, fits in variants:
        others = runs(plan, data, fits, groups)
        values = known.get(fits.name) or _only(scored(plan, data, others, bootstrap), HEADLINE[plan.task])
        gain = scores.paired(
            counted, scoring.matrices(others, names, per_fold=per_fold), bootstrap, per_fold=per_fold,
            n_real=len(data.outputs),
        )  # fmt: skip
        told.append({"modalities": chosen, "how": how, "scores": values, "gain": gain})
    return told


def _tuned(plan: Plan, fits: Fits) -> list[dict[str, Any]]:
    tune = plan.recipe.tune
    if tune is None:
        return []
    return [
        {"fold": item.fold, "seed": item.seed, **{name: plan.points[item.point][name] for name in tune.grid}}
        for item in fits.items
    ]


def _folds(plan: Plan, data: Data, fits: Fits) -> list[dict[str, Any]]:
    names = {seed: [one.name for one in folds.folds(plan, data, seed)] for seed in plan.recipe.seeds}
    rows = []
    for item, found in zip(fits.items, fits.records, strict=True):
        if not found["ids"]:
            continue
        one = runs(plan, data, Fits(fits.name, (item,), (found,)), np.zeros(data.ids.size, dtype=str))
        few = Bootstrap(100, 0.95, 0)
        values = _only(scored(plan, data, one, few), HEADLINE[plan.task])
        rows.append(
            {
                "fold": names[item.seed][item.fold],
                "seed": item.seed,
                "n_train": found["n_train"],
                "n_test": int(one[0].ids.size),
                **{name: value["value"] for name, value in values.items()},
            }
        )
    return rows


def _whether(name: str, called: Any) -> str:
    return name if called else f"not {name}"


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
