"""Stage experiment@NAME: a recipe of params.yaml becomes figures one can defend, and a model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks import leaks
from tasks.core import code_version, paths, tables
from tasks.core.config import Config, Section
from tasks.core.each import Each, Work
from tasks.core.errors import InputError
from tasks.evaluation.protocols import Split
from tasks.evaluation.scores import Bootstrap
from tasks.experiments import data as rows_of
from tasks.experiments import fitting, illustrations, modalities, pictures, plan, plot_data, results, scoring
from tasks.experiments.data import Data
from tasks.experiments.fitting import FINAL, FITTED, ONLY, RECIPE, SHUFFLED, TUNED, Fit
from tasks.experiments.plan import Plan
from tasks.experiments.plot_data import PlotData
from tasks.experiments.results import Fits
from tasks.experiments.scoring import Run
from tasks.models.base import registry

_LOOKED_UP = frozenset(
    {"tasks.corpora", "tasks.experiments.plan", "tasks.features.base.feature_sets", "tasks.features", "tasks.leaks"}
)
"""Code that refuses recipes or looks names up: what it finds stands in every item, and changes none of its results."""
_CURVES = pa.schema(
    [
        ("fold", pa.int64()),
        ("seed", pa.int64()),
        ("epoch", pa.float64()),
        ("name", pa.string()),
        ("value", pa.float64()),
    ]
)


def run(config: Config, name: str, *, each: Each) -> None:
    """Audit, tune, fit and score a recipe; write `data/experiment/NAME/`.

    Raises:
        InputError: if params.yaml has no such experiment
        ConfigError: if the recipe cannot work
        NotEnoughData: if the corpus cannot bear its protocol
        LeakError: if training and test part share what they must not, and the recipe does not declare it
    """
    if name not in config.experiments:
        raise InputError(f"params.yaml has no experiment {name!r}; it has {', '.join(config.experiments) or 'none'}")
    recipe = plan.plan(name, config)
    data = rows_of.load(recipe)
    target = paths.experiment(name)
    audit = _audited(recipe, data)
    tables.write_text(target / "audit.json", json.dumps(audit.to_dict(), indent=2, ensure_ascii=False) + "\n")
    leaks.demand(audit)
    fits = list(_fitted(recipe, data, each))
    _write(config, recipe, data, fits, audit)


def _audited(recipe: Plan, data: Data) -> leaks.AuditReport:
    return leaks.audit(
        rows_of.utterances(recipe, data),
        rows_of.by_utterance(data, fitting.folds(recipe, data, recipe.recipe.seeds[0])),
        recipe.protocol,
        sounds=rows_of.sounds(recipe, data),
        features=data.inputs.matrix() if data.inputs.vectors else None,
        checkpoints=recipe.checkpoints,
        pretrained_on=recipe.recipe.pretrained_on,
        parts_saw_test=recipe.recipe.branches_see == "everything",
        declared=recipe.recipe.declare,
    )


def _fitted(recipe: Plan, data: Data, each: Each) -> Iterator[Fits]:
    """Yield the fits of the recipe itself, then of every baseline that is trained."""
    stage = f"experiment@{recipe.name}"
    items = _chosen(list(_items(recipe, data)), recipe, stage, each)
    found = [
        outcome.result().rows.to_pylist()[0]
        for outcome in each(Work(stage, fitting.fit_one, Section(), FITTED, version=_fitting()), items)
    ]
    names = list(dict.fromkeys(results.named(item, recipe) for item in items))
    for name in names:
        mine = [k for k, item in enumerate(items) if results.named(item, recipe) == name]
        yield Fits(name, tuple(items[k] for k in mine), tuple(found[k] for k in mine))


def _items(recipe: Plan, data: Data) -> Iterator[Fit]:
    """Yield every fit there has to be, its settings still to be chosen."""
    seeds = recipe.recipe.seeds
    there = modalities.there(recipe.modalities, data.lacking, data.ids.size)
    fewer = modalities.subsets(there, every=recipe.recipe.subsets)
    # how many folds hold rows may depend on the seed, where two units are kept apart at once
    n_folds = {seed: len(fitting.folds(recipe, data, seed)) for seed in seeds}
    one_model = n_folds[seeds[0]] == 1
    base = Fit(recipe, data.digest, "", 0, 0)
    for seed in seeds:
        for fold in range(n_folds[seed]):
            mine = replace(base, fold=fold, seed=seed)
            yield replace(mine, keep=one_model and seed == seeds[0])
            for number in range(recipe.recipe.shuffles):
                yield replace(mine, variant=SHUFFLED, number=number)
            for chosen in fewer:
                yield replace(mine, variant=ONLY, features=modalities.features_of(there, chosen))
    if not one_model:
        yield replace(base, fold=FINAL, seed=seeds[0], keep=True)


def _chosen(items: list[Fit], recipe: Plan, stage: str, each: Each) -> list[Fit]:
    """Return the fits with the point of the grid that is best inside their own training part.

    Shuffled labels are trained with what was chosen for the labels as they are.
    """
    items = [replace(item, code=_code(recipe)) for item in items]
    if len(recipe.points) == 1:
        return items
    asked = [
        replace(item, point=k, keep=False)
        for item in items
        if item.variant != SHUFFLED
        for k in range(len(recipe.points))
    ]
    work = Work(stage, fitting.tune_one, Section(), TUNED, version=_fitting())
    score = {
        item: outcome.result().rows["score"][0].as_py() for item, outcome in zip(asked, each(work, asked), strict=True)
    }
    chosen = []
    for item in items:
        judged = replace(item, keep=False)
        judged = replace(judged, variant=RECIPE, number=0) if item.variant == SHUFFLED else judged
        points = range(len(recipe.points))
        # of equals the first: grids go from simple to complex
        best = max(points, key=lambda point, one=judged: (score[replace(one, point=point)], -point))  # type: ignore[misc]
        chosen.append(replace(item, point=best))
    return chosen


def _fitting() -> str:
    return code_version.version(fitting.__name__, without=_LOOKED_UP)


def _code(recipe: Plan) -> str:
    """Return what stands for the code of a recipe's models, and for the pretrained ones they start from."""
    versions = [code_version.version(module) for module in _model_modules(recipe)]
    for checkpoint in recipe.model_checkpoints:
        from tasks.features.base import checkpoints

        versions.append(checkpoints.fingerprint(checkpoint))
    return " ".join(versions)


def _model_modules(recipe: Plan) -> list[str]:
    """Return the modules of a recipe's model and of the models that it builds on."""
    model = recipe.model
    others = model.builds_on(recipe.settings(0)) if model.builds_on is not None else ()
    return [registry.module(name) for name in (model.name, *others)]


def plugins(config: Config, name: str) -> list[str]:
    """Return the modules that a recipe loads by name.

    Args:
        config: all settings
        name: of the experiment
    """
    return _model_modules(plan.plan(name, config))


def checkpoints_of(config: Config, name: str) -> tuple[str, ...]:
    """Return the pretrained models that a recipe's models start from, as params.yaml names them.

    Args:
        config: all settings
        name: of the experiment
    """
    return plan.plan(name, config).model_checkpoints


def _write(config: Config, recipe: Plan, data: Data, fits: list[Fits], audit: leaks.AuditReport) -> None:
    target, settings = paths.experiment(recipe.name), config.evaluate
    splits = fitting.folds(recipe, data, recipe.recipe.seeds[0])
    groups = rows_of.resampled(recipe, data.columns)
    bootstrap = Bootstrap(settings.bootstrap, settings.confidence, settings.seed)
    figures = results.metrics(recipe, data, fits, splits, groups, audit=audit, bootstrap=bootstrap)
    figures["simulated"] = json.loads(paths.reading(recipe.recipe.corpus).read_text(encoding="utf-8"))["simulated"]
    item, kept = next((i, f) for i, f in zip(fits[0].items, fits[0].found, strict=True) if i.keep)
    files = dict(kept["files"])
    fitted = fitting.loaded(recipe, files, item.point)
    figures["model"] |= illustrations.size(fitted, files)
    tables.write_text(target / "metrics.json", json.dumps(figures, indent=2, ensure_ascii=False) + "\n")
    predictions = results.predictions(recipe, data, fits, groups)
    with tables.whole(target / "predictions.parquet") as part:
        pq.write_table(predictions, part, compression="zstd")
    these = results.runs(recipe, data, fits[0], groups)
    tables.write_csv(target / "confusion.csv", results.confusion(recipe, data, these))
    curves = _curves(fits[0])
    tables.write(curves, target / "curves.parquet", _CURVES)
    drawn = replace(
        _pictures(recipe, data, splits, these, curves),
        varied=illustrations.varied(recipe, data),
        attended=illustrations.attended(recipe, data, fitted, item.point),
        shares=illustrations.shares(recipe, data, splits, fitted),
        searched=illustrations.searched(fitted),
        frames=illustrations.frames(recipe),
    )
    tables.write_text(target / "plot_data.json", plot_data.dumps(drawn))
    tables.write_text(target / "cost.json", json.dumps(results.cost(fits), indent=2) + "\n")
    _write_model(recipe, item, kept, files)


def _curves(fits: Fits) -> pa.Table:
    rows = [
        {"fold": item.fold, "seed": item.seed, "epoch": entry["epoch"], "name": name, "value": value}
        for item, found in zip(fits.items, fits.found, strict=True)
        for entry in json.loads(found["curves"])
        for name, value in entry.items()
        if name != "epoch" and value is not None
    ]
    return tables.from_rows(rows, _CURVES)


def _pictures(recipe: Plan, data: Data, splits: Sequence[Split], these: list[Run], curves: pa.Table) -> PlotData:
    if recipe.task != "classes":
        return PlotData({}, (), {}, (), curves.to_pylist())
    said = tables.read_corpus(paths.utterances(recipe.recipe.corpus)).select(["utterance_id", "text"]).to_pylist()
    texts = {row["utterance_id"]: row["text"] or "" for row in said}
    return PlotData(
        pictures.counts(data, splits),
        pictures.maps(data, recipe.recipe.seeds[0]),
        pictures.words(data, texts),
        scoring.roc(these, results.outputs(recipe, data)),
        curves.to_pylist(),
    )


def _write_model(recipe: Plan, item: Fit, found: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    """Write the kept model: of the one fold there is, or trained on all rows."""
    folder = paths.experiment(recipe.name) / "model"
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in sorted(files.items()):
        tables.write_bytes(folder / name, content)
    card: dict[str, Any] = {
        "experiment": recipe.name,
        "trained_on": "every row" if item.fold == FINAL else "the protocol's training part",
        "n_train": found["n_train"],
        "outputs": found["outputs"],
        "model": recipe.model.name,
        "settings": dict(recipe.points[item.point]),
        "features": list(recipe.recipe.features),
        "seed": item.seed,
    }
    tables.write_text(folder / "card.json", json.dumps(card, indent=2, ensure_ascii=False) + "\n")
