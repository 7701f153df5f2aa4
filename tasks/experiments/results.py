"""What an experiment leaves behind: its figures, every prediction, curves, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.core.config import Clips
from tasks.evaluation import scores
from tasks.evaluation.protocols import Split
from tasks.evaluation.scores import Bootstrap
from tasks.experiments import fitting, modalities, scoring, windows
from tasks.experiments.data import Data
from tasks.experiments.fitting import ONLY, RECIPE, SHUFFLED, Fit
from tasks.experiments.plan import Plan
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


@dataclass(frozen=True)
class Fits:
    """All fits of a variant (the recipe, shuffled labels, text only …): what was done, and what it gave."""

    name: str
    items: tuple[Fit, ...]
    found: tuple[dict[str, Any], ...]


def named(item: Fit, plan: Plan) -> str:
    """Return what a fit's variant is called in figures and tables."""
    if item.variant == ONLY:
        return f"{' + '.join(_read_off(item, plan))} only"
    return {RECIPE: RECIPE, SHUFFLED: "shuffled labels"}[item.variant]


def _read_off(item: Fit, plan: Plan) -> list[str]:
    """Return the modalities of a fit on a part of the features."""
    return [one for one, names in plan.modalities.items() if set(names) <= set(item.features)]


def runs(plan: Plan, data: Data, fits: Fits, groups: Any) -> list[Run]:
    """Gather a variant's predictions of utterances, one run a seed (and a shuffle), rows sorted by id."""
    return [of_utterances(plan, data, one) for one in row_runs(plan, data, fits, groups)]


def of_utterances(plan: Plan, data: Data, run: Run) -> Run:
    """Return what windows say together of their utterances; a run of utterances as it is.

    Where windows of one utterance were tested in several folds, all count, and the first one's fold is named.
    """
    if plan.recipe.windows is None:
        return run
    clip = dict(zip(data.ids.tolist(), data.clips.tolist(), strict=True))
    of = np.array([clip[one] for one in run.ids.tolist()], dtype=str)
    # an utterance that is tested several times over, once by each corpus that was learned from, is scored each time
    fold = np.zeros_like(run.fold) if plan.protocol.leaky else run.fold
    order = np.lexsort((np.arange(of.size), of, fold))
    keys = np.array([f"{number}\0{one}" for number, one in zip(fold[order].tolist(), of[order].tolist(), strict=True)])
    first, found = windows.pooled(run.scores[order], keys, plan.recipe.clips or Clips())
    where = order[first]
    return Run(of[where], run.actual[where], found, run.groups[where], run.fold[where])


def row_runs(plan: Plan, data: Data, fits: Fits, groups: Any) -> list[Run]:
    """Gather a variant's predictions of rows, which are utterances or windows, as `runs` does."""
    place = {one: number for number, one in enumerate(data.ids.tolist())}
    gathered: dict[tuple[int, int], list[tuple[int, int, list[float]]]] = {}
    for item, found in zip(fits.items, fits.found, strict=True):
        if not found["ids"]:
            continue
        values = np.array(found["scores"], dtype=np.float64)
        if plan.task == "classes":
            values = scoring.aligned(values, found["outputs"], data.outputs)
        rows = [(place[one], item.fold, row) for one, row in zip(found["ids"], values.tolist(), strict=True)]
        gathered.setdefault((item.seed, item.number), []).extend(rows)
    made = []
    for _, rows in sorted(gathered.items()):
        rows.sort()
        where = np.array([row for row, _, _ in rows], dtype=np.int64)
        fold = np.array([fold for _, fold, _ in rows], dtype=np.int64)
        values = np.array([row for _, _, row in rows], dtype=np.float64)
        made.append(Run(data.ids[where], data.target[where], values, groups[where], fold))
    return made


def majority(plan: Plan, data: Data, splits: Sequence[Split], groups: Any) -> Run:
    """Return the answers of one who knows nothing but the training part's commonest class (or its mean value)."""
    parts = []
    for number, split in enumerate(splits):
        known = data.target[split.train]
        if plan.task == "classes":
            counts = [(known == one).sum() for one in data.outputs]
            row = np.eye(len(data.outputs))[int(np.argmax(counts))]
        else:
            row = np.atleast_1d(known.mean(axis=0))
        parts.append((split.test, np.full(split.test.size, number), np.tile(row, (split.test.size, 1))))
    where, fold, values = (np.concatenate([part[k] for part in parts]) for k in range(3))
    order = np.argsort(where, kind="stable")
    where = where[order]
    of_rows = Run(data.ids[where], data.target[where], values[order], groups[where], fold[order])
    return of_utterances(plan, data, of_rows)


def outputs(plan: Plan, data: Data) -> tuple[str, ...]:
    """Return what an utterance may be called, and what its scores are of."""
    return windows.outputs(data.outputs, plan.recipe.clips)


def scored(plan: Plan, data: Data, these: Sequence[Run], bootstrap: Bootstrap) -> dict[str, Any]:
    """Return a variant's scores."""
    if plan.task == "classes":
        per_fold = plan.protocol.averaging == "per fold"
        # runs of windows have no column for what is not called
        names = outputs(plan, data)[: these[0].scores.shape[1]]
        return scoring.of_classes(these, names, bootstrap, per_fold=per_fold, n_real=len(data.outputs))
    if plan.task == "labels":
        return scoring.of_labels(these, data.outputs, bootstrap)
    return scoring.of_values(these, bootstrap)


def metrics(
    plan: Plan,
    data: Data,
    all_fits: Sequence[Fits],
    splits: Sequence[Split],
    groups: Any,
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
        "notes": sorted({note for one in mine.found for note in one["notes"]}),
        "versions": {name: there for name in _LIBRARIES if (there := _version(name))},
        "data_sha256": data.digest,
    }
    if plan.task == "classes" and plan.model.probabilities:
        found["calibration"] = {**_calibrated(data, these), "alone": _before_fusion(plan, data, others, groups)}
    return found


def predictions(plan: Plan, data: Data, all_fits: Sequence[Fits], groups: Any) -> pa.Table:
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
        "training_s": {fits.name: round(sum(one["seconds"] for one in fits.found), 3) for fits in all_fits},
        "n_fits": {fits.name: len(fits.found) for fits in all_fits},
        "peak_mb": round(max(one["peak_mb"] for fits in all_fits for one in fits.found), 1),
    }


def _windows(plan: Plan, data: Data, fits: Fits, groups: Any, bootstrap: Bootstrap) -> dict[str, Any] | None:
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


def _before_fusion(plan: Plan, data: Data, others: Sequence[Fits], groups: Any) -> list[dict[str, Any]]:
    """Return the calibration error of what was trained on fewer modalities."""
    fewer = [fits for fits in others if fits.items[0].variant == ONLY]
    return [
        {
            "modalities": _read_off(fits.items[0], plan),
            "ece": _calibrated(data, runs(plan, data, fits, groups))["ece"],
        }
        for fits in fewer
    ]


def _sure(run: Run, data: Data) -> Run:
    return replace(run, scores=run.scores[:, : len(data.outputs)])


def _only(found: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: found[name] for name in names}


def _modalities(
    plan: Plan, data: Data, all_fits: Sequence[Fits], groups: Any, bootstrap: Bootstrap, *, known: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return what the recipe gains over fewer modalities, in training or in the test alone; `known` are baselines."""
    mine = all_fits[0]
    variants = [
        (_read_off(fits.items[0], plan), modalities.ALONE, fits) for fits in all_fits if fits.items[0].variant == ONLY
    ]
    for key in dict.fromkeys(key for one in mine.found for key, _ in one["probes"]):
        modality, _, how = key.partition("|")
        found = tuple({**one, "scores": dict(one["probes"]).get(key, [])} for one in mine.found)
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
    names = {seed: [one.name for one in fitting.folds(plan, data, seed)] for seed in plan.recipe.seeds}
    rows = []
    for item, found in zip(fits.items, fits.found, strict=True):
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
