"""Files of an experiment's results: metrics, predictions, plot data, cost and the kept model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from tasks.core import artifacts, paths, tables
from tasks.core.config import Config
from tasks.evaluation.protocols import Split
from tasks.evaluation.scores import Bootstrap
from tasks.experiments import adapted_results, folds, model_folder, model_plots, plot_data, results, row_plots, scoring
from tasks.experiments.data import Data
from tasks.experiments.fit_item import ADAPTED, MAPS, RECIPE
from tasks.experiments.plan import Plan
from tasks.experiments.plot_data import Map, PlotData
from tasks.experiments.runs import Fits, Scorer
from tasks.experiments.scoring import Run
from tasks.leaks.finding import STAGE_PAIRS, AuditReport

_CURVES = pa.schema(
    [
        ("fold", pa.int64()),
        ("seed", pa.int64()),
        ("epoch", pa.float64()),
        ("name", pa.string()),
        ("value", pa.float64()),
    ]
)


def write(target: Path, config: Config, recipe: Plan, data: Data, fits: Sequence[Fits], *, audit: AuditReport) -> None:
    """Write all files of an experiment's results.

    Args:
        target: the folder
        config: all settings
        recipe: the experiment
        data: its rows
        fits: of the recipe itself, of every baseline, and on held-out folds; and maps
        audit: of its folds
    """
    maps = [map_ for of_variant in fits if of_variant.name == MAPS for map_ in _maps(of_variant)]
    fits = [of_variant for of_variant in fits if of_variant.name != MAPS]
    settings = config.evaluate
    splits = folds.folds(recipe, data, recipe.recipe.seeds[0])
    scorer = Scorer.of(recipe, data, Bootstrap(settings.bootstrap, settings.confidence, settings.seed))
    tested = {
        of_variant.name: (adapted_results.runs if of_variant.name == ADAPTED else Scorer.runs)(scorer, of_variant)
        for of_variant in fits
    }
    model = model_folder.kept(recipe, data, fits[0])
    metrics = results.metrics(scorer, fits, tested, splits, model=model, audit=audit)
    metrics["simulated"] = artifacts.read_json(paths.reading(recipe.recipe.corpus)).get("simulated", False)
    metrics["model"] |= model_plots.size(model.fitted, model.files)
    audited = json.dumps(audit.to_dict(STAGE_PAIRS), indent=2, ensure_ascii=False)
    tables.write_text(target / "audit.json", audited + "\n")
    tables.write_text(target / "results.json", json.dumps(metrics, indent=2, ensure_ascii=False) + "\n")
    tables.write_text(target / "metrics.json", json.dumps(results.few(metrics), indent=2) + "\n")
    with tables.whole(target / "predictions.parquet") as part:
        artifacts.write_parquet(results.predictions(scorer, tested), part)
    tables.write_csv(target / "confusion.csv", results.confusion(scorer, tested[RECIPE]))
    tables.write_csv(target / "per_class.csv", results.by_class(metrics))
    curves = _curves(fits[0])
    tables.write(curves, target / "curves.parquet", _CURVES)
    drawn = replace(
        _row_plots(scorer, splits, tested[RECIPE], curves),
        maps=maps,
        varied=model_plots.varied(recipe, data),
        attended=model_plots.attended(recipe, data, model.fitted, model.item.point),
        shares=model_plots.shares(recipe, data, splits, model.fitted),
        searched=model_plots.searched(model.fitted),
        frames=model_plots.frames(recipe),
    )
    tables.write_text(target / "plot_data.json", plot_data.dumps(drawn))
    tables.write_text(paths.cost(recipe.name), json.dumps(results.cost(fits), indent=2) + "\n")
    adapted = next((of_variant for of_variant in fits if of_variant.name == ADAPTED), None)
    other = None if adapted is None else model_folder.kept(recipe, data, adapted)
    limits = adapted_results.limits(scorer, tested) if other else {}
    model_folder.write(target / "model", recipe, data, model, metrics, adapted=other, limits=limits)


def _curves(fits: Fits) -> pa.Table:
    rows = [
        {"fold": item.fold, "seed": item.seed, "epoch": entry["epoch"], "name": name, "value": value}
        for item, record in zip(fits.items, fits.records, strict=True)
        for entry in json.loads(record["curves"])
        for name, value in entry.items()
        if name != "epoch" and value is not None
    ]
    return tables.from_rows(rows, _CURVES)


def _maps(fits: Fits) -> Sequence[Map]:
    return [map_ for record in fits.records for map_ in plot_data.loads(record["maps"]).maps]


def _row_plots(scorer: Scorer, splits: Sequence[Split], runs: Sequence[Run], curves: pa.Table) -> PlotData:
    recipe, data = scorer.plan, scorer.data
    if recipe.task != "classes":
        return PlotData({}, (), {}, (), curves.to_pylist())
    utterances = tables.read_corpus(paths.utterances(recipe.recipe.corpus)).select(["utterance_id", "text"])
    texts = {row["utterance_id"]: row["text"] or "" for row in utterances.to_pylist()}
    return PlotData(
        row_plots.counts(data, splits),
        (),
        row_plots.words(data, texts),
        scoring.roc(runs, scorer.outputs),
        curves.to_pylist(),
    )
