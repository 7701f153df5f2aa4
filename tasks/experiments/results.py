"""Results of an experiment: metrics, predictions, confusion pairs and training cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.core import distribution
from tasks.core.config import Clips
from tasks.corpora import labels
from tasks.evaluation.protocols import Split
from tasks.evaluation.scores import SEVERAL_VALUES, Bootstrap, headline_measure, kind_of
from tasks.experiments import (
    abstention,
    adapted_results,
    behaviour,
    calibration,
    folds,
    matching,
    modalities,
    references,
    scoring,
)
from tasks.experiments.fit_item import ADAPTING, FAMILY, FINAL, HELD_OUT, INSIDE_TRAINING, ONLY, RECIPE
from tasks.experiments.model_folder import Kept
from tasks.experiments.plan import Plan
from tasks.experiments.runs import MAJORITY, Fits, Scorer, modalities_of
from tasks.experiments.scoring import Run
from tasks.leaks.finding import AuditReport

_LIBRARIES = (
    distribution.NAME, "numpy", "scikit-learn", "imbalanced-learn", "torch", "lightning", "transformers", "xgboost-cpu",
)  # fmt: skip
_SECOND = {"classes": "macro_f1", "labels": "micro_f1", "values": "correlation", SEVERAL_VALUES: "correlation"}
"""Score of each task beside its headline score in `metrics.json`."""
_BY_CLASS = {"precision": "precision", "recall": "recall", "f1": "F1"}


def metrics(
    scorer: Scorer,
    all_fits: Sequence[Fits],
    tested: Mapping[str, Sequence[Run]],
    splits: Sequence[Split],
    *,
    model: Kept,
    audit: AuditReport,
) -> dict[str, Any]:
    """Return all scores and settings of an experiment, ready for JSON; independent of the machine.

    Args:
        scorer: of the experiment
        all_fits: of the recipe itself, of every baseline, and on held-out folds
        tested: name of each of these variants → its runs
        splits: the folds
        model: the kept model
        audit: of the folds
    """
    plan, data, recipe = scorer.plan, scorer.data, scorer.plan.recipe
    main, main_runs = all_fits[0], tested[RECIPE]
    baselines = {name: runs for name, runs in tested.items() if name not in (RECIPE, HELD_OUT, *ADAPTING)}
    baselines = {MAJORITY: [scorer.majority(splits)], **baselines}
    scored = {name: scorer.headline(runs) for name, runs in baselines.items()}
    metrics = {
        "experiment": plan.name,
        "note": recipe.note,
        "corpus": recipe.corpus,
        "reader": plan.reader,
        "target": recipe.target,
        "labels": labels.in_words(recipe.labels),
        "task": plan.task,
        "outputs": list(scorer.outputs),
        "features": [
            {"name": name, "extractor": card["extractor"], "title": card["title"], "settings": card["settings"]}
            for name, card in data.cards.items()
        ],
        "model": {"name": plan.model.name, "title": plan.model.title, "settings": dict(recipe.model)},
        "random_weights": plan.random_weights,
        "scale": recipe.scale,
        "balance": plan.balance.name,
        "first_per_class": recipe.first_per_class,
        "windows": _windows(scorer, main),
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
        "modalities": _modalities(scorer, all_fits, tested, scored),
        "confidence": scorer.bootstrap.confidence,
        "measure": headline_measure(plan.task, plan.reader, plan.protocol.name, len(data.outputs)),
        "scores": scorer.scored(main_runs),
        "baselines": scored,
        "cross_validated": _cross_validated(scorer, all_fits, tested),
        "folds": _folds(scorer, main),
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
        metrics["calibration"] = _calibration(scorer, all_fits, tested, model)
        if "sound" in plan.modalities:
            metrics["behaviour"] = {
                "groups": behaviour.by_group(scorer, main_runs, behaviour.stated(plan)),
                "importance": behaviour.importance(scorer, main, main_runs),
            }
        metrics["abstention"] = _abstention(scorer, tested, model)
        if plan.recipe.adapt:
            by_fold = partial(_folds, scorer)
            metrics[adapted_results.KEY] = adapted_results.measured(scorer, all_fits, tested, by_fold)
        metrics["references"] = references.of(scorer, {RECIPE: main_runs, **baselines}, model)
    return metrics


def few(results: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the few numbers of an experiment that `dvc metrics` compares, rounded to four digits.

    Args:
        results: content of `results.json`

    Returns:
        the headline score and a second one; `low` and `high`, the interval of the first; `base`, the first one of the
        majority class or the training mean; `n`, test rows
    """
    measure, scored = results["measure"], results["scores"]
    values = {
        name: scored[name]["value"] for name in (measure, _SECOND[kind_of(results["task"], len(results["outputs"]))])
    }
    values |= {side: scored[measure][side] for side in ("low", "high")}
    values["base"] = next(iter(results["baselines"].values()))[measure]["value"]
    return {name: None if value is None else round(value, 4) for name, value in values.items()} | {"n": results["n"]}


def predictions(scorer: Scorer, tested: Mapping[str, Sequence[Run]]) -> pa.Table:
    """Return the test rows' predictions of every variant: ids, run, fold, actual and predicted classes, all scores.

    Args:
        scorer: of the experiment
        tested: name of each variant → its runs
    """
    tables, outputs = [], scorer.data.outputs
    numbered = (
        (name, *entry) for name, runs in tested.items() if name not in INSIDE_TRAINING for entry in enumerate(runs)
    )
    for name, number, run in numbered:
        columns: dict[str, Any] = {
            "variant": [name] * run.ids.size,
            "run": np.full(run.ids.size, number),
            "fold": run.fold,
            "utterance_id": run.ids.tolist(),
            "group": run.groups.tolist(),
        }
        if scorer.plan.task == "classes":
            columns |= {"actual": run.actual.tolist(), "predicted": scorer.predicted(run).tolist()}
        elif run.actual.ndim == 2:
            columns |= {f"actual {output}": run.actual[:, k] for k, output in enumerate(outputs)}
        else:
            columns["actual"] = run.actual
        columns |= {f"score {output}": run.scores[:, k] for k, output in enumerate(scorer.outputs)}
        tables.append(pa.table(columns))
    return pa.concat_tables(tables)


def confusion(scorer: Scorer, of_recipe: Sequence[Run]) -> list[dict[str, Any]]:
    """Return the number of rows of each pair of actual and predicted class, summed over seeds, for a plot.

    Several labels at once give the pairs of each label; values are rounded, and several give the pairs of each.

    Args:
        scorer: of the experiment
        of_recipe: runs of the recipe

    Returns:
        all pairs, in the order of the classes
    """
    task, names = scorer.plan.task, scorer.data.outputs
    counts: Counter[tuple[Any, Any]] = Counter()
    for run in of_recipe:
        if task == "classes":
            counts.update(zip(run.actual.tolist(), scorer.predicted(run).tolist(), strict=True))
        elif task == "labels":
            actual, called = run.actual > scoring.THRESHOLD, run.scores > scoring.THRESHOLD
            for k, name in enumerate(names):
                counts.update(
                    (_whether(name, a), _whether(name, c)) for a, c in zip(actual[:, k], called[:, k], strict=True)
                )
        elif len(names) > 1:
            for k, name in enumerate(names):
                pairs = zip(_rounded(run.actual[:, k]), _rounded(run.scores[:, k]), strict=True)
                counts.update((f"{name} {a}", f"{name} {c}") for a, c in pairs)
        else:
            counts.update(zip(np.rint(run.actual).tolist(), np.rint(run.scores[:, 0]).tolist(), strict=True))
    grids: list[tuple[Any, ...]]
    if task == "labels":
        grids = [(_whether(name, True), _whether(name, False)) for name in names]
    elif task == "values" and len(names) > 1:
        values = {value for pair in counts for value in pair}
        grids = [tuple(sorted(value for value in values if value.startswith(f"{name} "))) for name in names]
    else:
        grids = [scorer.outputs if task == "classes" else tuple(sorted({value for pair in counts for value in pair}))]
    return [{"actual": a, "predicted": p, "n": counts[a, p]} for grid in grids for a in grid for p in grid]


def by_class(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return precision, recall and F1 of each class or label, one row per value, for a plot.

    Args:
        results: content of `results.json`; a single value gives one row without a score
    """
    scored = results["scores"]
    tables = {"": scored.get("per_class") or scored.get("per_label") or {}}
    if "per_label_above" in scored:
        tables = {f" at {bound}": by_label for bound, by_label in scored["per_label_above"].items()}
    rows = [
        {"class": name, "measure": f"{title}{above}", "value": round(values[measure], 4)}
        for above, by_label in tables.items()
        for name, values in by_label.items()
        for measure, title in _BY_CLASS.items()
        if measure in values
    ]
    return rows or [{"class": "", "measure": "", "value": None}]


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


def _windows(scorer: Scorer, fits: Fits) -> dict[str, Any] | None:
    """Return the windows' settings and their scores before pooling."""
    recipe = scorer.plan.recipe
    if recipe.windows is None:
        return None
    return {
        **recipe.windows.model_dump(),
        "clips": (recipe.clips or Clips()).model_dump(),
        "n": int(scorer.data.ids.size),
        "scores": scorer.headline(scorer.row_runs(fits)),
    }


def _cross_validated(
    scorer: Scorer, all_fits: Sequence[Fits], tested: Mapping[str, Sequence[Run]]
) -> dict[str, Any] | None:
    """Return the scores on held-out folds of the training part, of a protocol with one fold."""
    fits = next((fits for fits in all_fits if fits.name == HELD_OUT), None)
    if fits is None:
        return None
    runs = tested[HELD_OUT]
    return {
        "folds": len(fits.items),
        "unit": scorer.plan.protocol.inner_unit or "utterance",
        "n": int(runs[0].ids.size),
        "scores": scorer.headline(runs),
        "tuned": _tuned(scorer.plan, fits),
    }


def _calibration(
    scorer: Scorer, all_fits: Sequence[Fits], tested: Mapping[str, Sequence[Run]], model: Kept
) -> dict[str, Any]:
    """Return the temperature of the kept model's scores, and the calibration error of the test rows."""
    fitted_on = _calibrating(scorer, tested, model)
    if fitted_on is None:
        words = "the test rows; for the error after scaling, those of all folds but the row's own"
    elif scorer.plan.model.in_epochs:
        words = "development rows, which also chose the epoch"
    elif fitted_on:
        words = f"{np.unique(fitted_on[0].fold).size} held-out folds of the training part"
    else:
        words = "nothing: the training part has too few groups or classes for held-out folds"

    def measured(name: str, by: Sequence[Run] | None) -> dict[str, Any]:
        probabilities = scorer.plan.model.probabilities
        return calibration.measured(tested[name], scorer.data.outputs, probabilities=probabilities, fitted_on=by)

    alone = [
        {"modalities": modalities_of(fits.items[0], scorer.plan), "ece": measured(fits.name, ())["before"]["ece"]}
        for fits in all_fits
        if fits.items[0].variant == ONLY and scorer.plan.model.probabilities
    ]
    return {**measured(RECIPE, fitted_on), "fitted_on": words, "alone": alone}


def _calibrating(scorer: Scorer, tested: Mapping[str, Sequence[Run]], model: Kept) -> Sequence[Run] | None:
    """Return the predictions that the temperature is fitted on; None: the test rows of the other folds."""
    if model.item.fold == FINAL:
        return None
    if scorer.plan.model.in_epochs:
        return [model.predicted(scorer, model.split.development)]
    return tested.get(HELD_OUT, ())


def _abstention(scorer: Scorer, tested: Mapping[str, Sequence[Run]], model: Kept) -> dict[str, Any]:
    """Return the risk-coverage curve of the recipe's test rows."""
    runs, outputs = tested[RECIPE], scorer.data.outputs
    probabilities = calibration.scaled(
        runs,
        outputs,
        probabilities=scorer.plan.model.probabilities,
        fitted_on=_calibrating(scorer, tested, model),
    )
    return abstention.measured([run.actual for run in runs], probabilities, outputs)


def _modalities(
    scorer: Scorer, all_fits: Sequence[Fits], tested: Mapping[str, Sequence[Run]], scored: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the recipe's gain over fewer modalities, in training or in the test only; of classes only."""
    if scorer.plan.task != "classes":
        return []
    rows = []

    def add(chosen: list[str], how: str, runs: Sequence[Run], scores: Any) -> None:
        rows.append({"modalities": chosen, "how": how, "scores": scores, "gain": scorer.gained(tested[RECIPE], runs)})

    for fits in all_fits:
        if fits.items[0].variant == ONLY:
            chosen = modalities_of(fits.items[0], scorer.plan)
            add(chosen, modalities.ALONE, tested[fits.name], scored[fits.name])
    main = all_fits[0]
    keys = dict.fromkeys(key for record in main.records for key, _ in record["probes"])
    for key in (key for key in keys if not key.startswith(FAMILY)):
        modality, _, how = key.partition("|")
        records = tuple({**record, "scores": dict(record["probes"]).get(key, [])} for record in main.records)
        runs = scorer.runs(Fits(key, main.items, records))
        add([modality], how, runs, scorer.headline(runs))
    return rows


def _tuned(plan: Plan, fits: Fits) -> list[dict[str, Any]]:
    tune = plan.recipe.tune
    if tune is None:
        return []
    return [
        {"fold": item.fold, "seed": item.seed, **{name: plan.points[item.point][name] for name in tune.grid}}
        for item in fits.items
    ]


def _folds(scorer: Scorer, fits: Fits) -> list[dict[str, Any]]:
    plan = scorer.plan
    names = {seed: [split.name for split in folds.folds(plan, scorer.data, seed)] for seed in plan.recipe.seeds}
    # intervals are not used: few resamples
    quick, rows = replace(scorer, bootstrap=Bootstrap(100, 0.95, 0)), []
    for item, record in zip(fits.items, fits.records, strict=True):
        if not record["ids"]:
            continue
        fold_runs = quick.runs(Fits(fits.name, (item,), (record,)))
        values = quick.headline(fold_runs)
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


def _rounded(values: NDArray[np.float64]) -> list[int]:
    return [round(value) for value in values.tolist()]


def _whether(name: str, called: Any) -> str:
    return name if called else f"not {name}"


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
