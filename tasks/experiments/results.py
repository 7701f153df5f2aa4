"""Results of an experiment: metrics, predictions, confusion pairs and training cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.core.config import Clips
from tasks.corpora import labels
from tasks.evaluation.protocols import Split
from tasks.evaluation.scores import Bootstrap
from tasks.evaluation.splits import Labels
from tasks.experiments import calibration, folds, matching, modalities, references, scoring
from tasks.experiments.data import Data
from tasks.experiments.fit_item import FINAL, HELD_OUT, ONLY
from tasks.experiments.model_folder import Kept
from tasks.experiments.plan import Plan
from tasks.experiments.runs import Fits, gained, majority, modalities_of, outputs, row_runs, runs, scored
from tasks.experiments.scoring import Run
from tasks.leaks.finding import AuditReport

HEADLINE = {
    "classes": ("accuracy", "uar", "macro_f1", "weighted_f1"),
    "labels": ("micro_f1", "macro_f1", "accuracy"),
    "values": ("mae", "correlation", "acc2", "acc7"),
}
"""Scores of each task that are also computed for every baseline."""
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
    model: Kept,
    audit: AuditReport,
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Return all scores and settings of an experiment, ready for JSON; independent of the machine.

    Args:
        plan: the recipe
        data: the rows
        all_fits: of the recipe itself, of every baseline, and on held-out folds
        splits: the folds
        groups: bootstrap unit of each row, shape (n_rows,)
        model: the kept model
        audit: of the folds
        bootstrap: settings of the intervals
    """
    recipe = plan.recipe
    main, *others = (fits for fits in all_fits if fits.name != HELD_OUT)
    held_out = [fits for fits in all_fits if fits.name == HELD_OUT]
    systems = {fits.name: runs(plan, data, fits, groups) for fits in (main, *others)}
    main_runs, headline = systems[main.name], HEADLINE[plan.task]
    systems = {MAJORITY: [majority(plan, data, splits, groups)], **systems}
    baselines = {
        name: _only(scored(plan, data, of_system, bootstrap), headline)
        for name, of_system in systems.items()
        if name != main.name
    }
    metrics = {
        "experiment": plan.name,
        "note": recipe.note,
        "corpus": recipe.corpus,
        "reader": plan.reader,
        "target": recipe.target,
        "labels": labels.in_words(recipe.labels),
        "task": plan.task,
        "outputs": list(outputs(plan, data)),
        "features": [
            {"name": name, "extractor": card["extractor"], "title": card["title"], "settings": card["settings"]}
            for name, card in data.cards.items()
        ],
        "model": {"name": plan.model.name, "title": plan.model.title, "settings": dict(recipe.model)},
        "random_weights": plan.random_weights,
        "scale": recipe.scale,
        "balance": plan.balance.name,
        "first_per_class": recipe.first_per_class,
        "windows": _windows(plan, data, main, groups, bootstrap),
        "threshold": recipe.threshold if plan.task == "labels" else None,
        "only_in_training": recipe.only_in_training,
        "only": recipe.only,
        "branches_see": recipe.branches_see,
        "tuned": _tuned(plan, main),
        "protocol": plan.protocol.name,
        "protocol_in_words": plan.protocol.in_words(),
        "leaky": plan.protocol.leaky,
        "averaging": plan.protocol.averaging,
        "seeds": list(recipe.seeds),
        "n": int(main_runs[0].ids.size),
        "n_groups": int(np.unique(main_runs[0].groups).size),
        "left_out": dict(data.left_out),
        "lacking": dict(data.lacking),
        "modalities": _modalities(plan, data, all_fits, groups, bootstrap, baselines=baselines),
        "confidence": bootstrap.confidence,
        "measure": _measure(plan),
        "scores": scored(plan, data, main_runs, bootstrap),
        "baselines": baselines,
        "cross_validated": _cross_validated(plan, data, held_out, groups, bootstrap),
        "folds": _folds(plan, data, main),
        "audit": [
            {name: getattr(finding, name) for name in ("check", "severity", "n", "of", "what")}
            for finding in audit.findings
            if finding.n
        ],
        "notes": sorted({note for record in main.records for note in record["notes"]}),
        "versions": {name: installed for name in _LIBRARIES if (installed := _version(name))},
        "data_sha256": data.digest,
        matching.DIGEST: matching.digest(plan.name, plan.config),
    }
    if plan.task == "classes":
        metrics["calibration"] = _calibration(plan, data, all_fits, model, groups)
        metrics["references"] = references.of(plan, data, systems, model, bootstrap=bootstrap)
    return metrics


def predictions(plan: Plan, data: Data, all_fits: Sequence[Fits], groups: Labels) -> pa.Table:
    """Return the test rows' predictions of every variant: ids, run, fold, actual and predicted classes, all scores.

    Args:
        plan: the recipe
        data: the rows
        all_fits: of every variant
        groups: bootstrap unit of each row, shape (n_rows,)
    """
    tables = []
    for fits in (fits for fits in all_fits if fits.name != HELD_OUT):
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


def confusion(plan: Plan, data: Data, of_recipe: Sequence[Run]) -> list[dict[str, str]]:
    """Return actual and predicted class of every row, for a plot: one row per label; values are rounded.

    Args:
        plan: the recipe
        data: the rows
        of_recipe: its runs
    """
    rows = []
    for run in of_recipe:
        if plan.task == "classes":
            predicted = scoring.predicted(run.scores, outputs(plan, data))
            pairs = zip(run.actual.tolist(), predicted.tolist(), strict=True)
            rows += [{"actual": a, "predicted": p} for a, p in pairs]
        elif plan.task == "labels":
            for k, name in enumerate(data.outputs):
                pairs = zip(run.actual[:, k] > scoring.THRESHOLD, run.scores[:, k] > scoring.THRESHOLD, strict=True)
                rows += [{"actual": _whether(name, a), "predicted": _whether(name, p)} for a, p in pairs]
        else:
            pairs = zip(np.rint(run.actual), np.rint(run.scores[:, 0]), strict=True)
            rows += [{"actual": f"{a:.0f}", "predicted": f"{p:.0f}"} for a, p in pairs]
    return rows


def cost(all_fits: Sequence[Fits]) -> dict[str, Any]:
    """Return the cost of training: seconds and number of fits of each variant, and the peak memory in MB.

    Args:
        all_fits: of every variant
    """
    return {
        "training_s": {fits.name: round(sum(record["seconds"] for record in fits.records), 3) for fits in all_fits},
        "n_fits": {fits.name: len(fits.records) for fits in all_fits},
        "peak_mb": round(max(record["peak_mb"] for fits in all_fits for record in fits.records), 1),
    }


def _windows(plan: Plan, data: Data, fits: Fits, groups: Labels, bootstrap: Bootstrap) -> dict[str, Any] | None:
    """Return the windows' settings and their scores before pooling."""
    recipe = plan.recipe
    if recipe.windows is None:
        return None
    row_scores = scored(plan, data, row_runs(plan, data, fits, groups), bootstrap)
    return {
        **recipe.windows.model_dump(),
        "clips": (recipe.clips or Clips()).model_dump(),
        "n": int(data.ids.size),
        "scores": _only(row_scores, HEADLINE[plan.task]),
    }


def _cross_validated(
    plan: Plan, data: Data, held_out: Sequence[Fits], groups: Labels, bootstrap: Bootstrap
) -> dict[str, Any] | None:
    """Return the scores on held-out folds of the training part, of a protocol with one fold."""
    if not held_out:
        return None
    on_folds = runs(plan, data, held_out[0], groups)
    return {
        "folds": len(held_out[0].items),
        "unit": plan.protocol.inner_unit or "utterance",
        "n": int(on_folds[0].ids.size),
        "scores": _only(scored(plan, data, on_folds, bootstrap), HEADLINE[plan.task]),
        "tuned": _tuned(plan, held_out[0]),
    }


def _calibration(plan: Plan, data: Data, all_fits: Sequence[Fits], model: Kept, groups: Labels) -> dict[str, Any]:
    """Return the temperature of the kept model's scores, and the calibration error of the test rows."""
    main, held_out = all_fits[0], [fits for fits in all_fits if fits.name == HELD_OUT]
    fitted_on: list[Run] | None = [run for fits in held_out for run in runs(plan, data, fits, groups)]
    if model.item.fold == FINAL:
        fitted_on, words = None, "the test rows; for the error after scaling, those of all folds but the row's own"
    elif plan.model.in_epochs:
        fitted_on = [model.predicted(plan, data, groups, model.split.development)]
        words = "development rows, which also chose the epoch"
    elif held_out:
        words = f"{len(held_out[0].items)} held-out folds of the training part"
    else:
        words = "nothing: the training part has too few groups or classes for held-out folds"

    def measured(fits: Fits, by: list[Run] | None) -> dict[str, Any]:
        tested, probabilities = runs(plan, data, fits, groups), plan.model.probabilities
        return calibration.measured(tested, data.outputs, probabilities=probabilities, fitted_on=by)

    alone = [
        {"modalities": modalities_of(fits.items[0], plan), "ece": measured(fits, [])["before"]["ece"]}
        for fits in all_fits
        if fits.items[0].variant == ONLY and plan.model.probabilities
    ]
    return {**measured(main, fitted_on), "fitted_on": words, "alone": alone}


def _measure(plan: Plan) -> str:
    """Return the name of the headline score: weighted F1 on MELD's own split, as in its publications."""
    if plan.task == "classes" and plan.reader == "meld" and plan.protocol.kind == "official":
        return "weighted_f1"
    return {"classes": "uar", "labels": "macro_f1", "values": "mae"}[plan.task]


def _only(mapping: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: mapping[name] for name in names}


def _modalities(
    plan: Plan,
    data: Data,
    all_fits: Sequence[Fits],
    groups: Labels,
    bootstrap: Bootstrap,
    *,
    baselines: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Return the recipe's gain over fewer modalities, in training or in the test only; of classes only."""
    main = all_fits[0]
    variants = [
        (modalities_of(fits.items[0], plan), modalities.ALONE, fits)
        for fits in all_fits
        if fits.items[0].variant == ONLY
    ]
    for key in dict.fromkeys(key for record in main.records for key, _ in record["probes"]):
        modality, _, how = key.partition("|")
        records = tuple({**record, "scores": dict(record["probes"]).get(key, [])} for record in main.records)
        variants.append(([modality], how, Fits(key, main.items, records)))
    if not variants or plan.task != "classes":
        return []
    main_runs, rows = runs(plan, data, main, groups), []
    for chosen, how, fits in variants:
        others = runs(plan, data, fits, groups)
        values = baselines.get(fits.name) or _only(scored(plan, data, others, bootstrap), HEADLINE[plan.task])
        gain = gained(plan, data, main_runs, others, bootstrap)
        rows.append({"modalities": chosen, "how": how, "scores": values, "gain": gain})
    return rows


def _tuned(plan: Plan, fits: Fits) -> list[dict[str, Any]]:
    tune = plan.recipe.tune
    if tune is None:
        return []
    return [
        {"fold": item.fold, "seed": item.seed, **{name: plan.points[item.point][name] for name in tune.grid}}
        for item in fits.items
    ]


def _folds(plan: Plan, data: Data, fits: Fits) -> list[dict[str, Any]]:
    names = {seed: [split.name for split in folds.folds(plan, data, seed)] for seed in plan.recipe.seeds}
    rows = []
    for item, record in zip(fits.items, fits.records, strict=True):
        if not record["ids"]:
            continue
        fold_runs = runs(plan, data, Fits(fits.name, (item,), (record,)), np.zeros(data.ids.size, dtype=str))
        # intervals are not used: few resamples
        values = _only(scored(plan, data, fold_runs, Bootstrap(100, 0.95, 0)), HEADLINE[plan.task])
        rows.append(
            {
                "fold": names[item.seed][item.fold],
                "seed": item.seed,
                "n_train": record["n_train"],
                "n_test": int(fold_runs[0].ids.size),
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
