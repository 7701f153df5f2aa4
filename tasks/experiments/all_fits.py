"""Every fit of an experiment: of the recipe and of each trained baseline, at its best point of the grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from tasks.core import code_version
from tasks.core.config import Section
from tasks.core.each import Each, Work
from tasks.core.item_files import ItemFile
from tasks.experiments import fitting, folds, modalities, runs
from tasks.experiments.data import Data
from tasks.experiments.fit_item import (
    ADAPTED,
    ADAPTED_HELD_OUT,
    FINAL,
    FITTED,
    HELD_OUT,
    MAPS,
    ONLY,
    RECIPE,
    SHUFFLED,
    TUNED,
    Fit,
)
from tasks.experiments.plan import Plan
from tasks.experiments.runs import Fits
from tasks.models.base import registry

_LOOKED_UP = frozenset(
    {"tasks.corpora", "tasks.experiments.plan", "tasks.features.base.feature_sets", "tasks.features", "tasks.leaks"}
)
"""Code that refuses recipes or looks names up: its results are in each item's cache key, and it changes no fit."""


_BEFORE_MAPS = 6


def fits(recipe: Plan, data: Data, each: Each, *, wanted: Callable[[Fit], bool] = lambda _: True) -> Iterator[Fits]:
    """Yield the fits of the recipe itself, of every baseline that is trained, those on held-out folds, and `MAPS`.

    Args:
        recipe: the recipe
        data: its rows
        each: maps fits
        wanted: whether a fit is needed; all are by default
    """
    stage = f"experiment@{recipe.name}"
    maps = [item for item in _maps(recipe, data) if wanted(item)]
    items, drawn = _tuned([item for item in _items(recipe, data) if wanted(item)], recipe, stage, each, maps)
    work = Work(stage, fitting.fit_one, Section(), FITTED, version=_fitting_version(), reads=_reads(recipe))
    records = [outcome.result().rows.to_pylist()[0] for outcome in each(work, items)]
    variants = [runs.variant_name(item, recipe) for item in items]
    for name in dict.fromkeys(variants):
        chosen = [number for number, variant in enumerate(variants) if variant == name]
        yield Fits(name, tuple(items[k] for k in chosen), tuple(records[k] for k in chosen))
    if maps:
        yield Fits(MAPS, tuple(maps), tuple(drawn))


def of_folds(recipe: Plan, data: Data, each: Each) -> Fits:
    """Return the fits of the recipe itself on the folds of its first seed, with their models' files.

    Args:
        recipe: the recipe
        data: its rows
        each: maps fits
    """
    stage, seed = f"experiment@{recipe.name}", recipe.recipe.seeds[0]
    base = Fit(recipe, data.digest, _model_version(recipe), 0, seed)
    items = [replace(base, fold=fold) for fold in range(len(folds.folds(recipe, data, seed)))]
    items = [replace(item, keep=True) for item in _tuned(items, recipe, stage, each)[0]]
    work = Work(stage, fitting.fit_one, Section(), FITTED, version=_fitting_version(), reads=_reads(recipe))
    records = [outcome.result().rows.to_pylist()[0] for outcome in each(work, items)]
    return Fits(RECIPE, tuple(items), tuple(records))


def _items(recipe: Plan, data: Data) -> Iterator[Fit]:
    """Yield every fit, at the first point of the grid."""
    seeds = recipe.recipe.seeds
    available = modalities.available(recipe.modalities, data.lacking, data.ids.size)
    fewer = modalities.subsets(available, every=recipe.recipe.subsets)
    # where two units are kept apart at once, the number of non-empty folds depends on the seed
    n_folds = {seed: len(folds.folds(recipe, data, seed)) for seed in seeds}
    one_model = n_folds[seeds[0]] == 1
    base = Fit(recipe, data.digest, _model_version(recipe), 0, 0)
    for seed in seeds:
        for fold in range(n_folds[seed]):
            item = replace(base, fold=fold, seed=seed)
            yield replace(item, keep=one_model and seed == seeds[0])
            if recipe.recipe.adapt:
                yield replace(item, variant=ADAPTED, keep=one_model and seed == seeds[0])
            for number in range(recipe.recipe.shuffles):
                yield replace(item, variant=SHUFFLED, number=number)
            for chosen in fewer:
                yield replace(item, variant=ONLY, features=modalities.features_of(available, chosen))
    base = replace(base, seed=seeds[0])
    if not one_model:
        yield replace(base, fold=FINAL, keep=True)
        if recipe.recipe.adapt:
            yield replace(base, fold=FINAL, variant=ADAPTED, keep=True)
        return
    for fold in range(folds.n_held_out(base, data)):
        yield replace(base, fold=fold, variant=HELD_OUT)
        if recipe.recipe.adapt:
            yield replace(base, fold=fold, variant=ADAPTED_HELD_OUT)


def _maps(recipe: Plan, data: Data) -> list[Fit]:
    if recipe.task != "classes" or not data.inputs.vectors:
        return []
    return [Fit(recipe, data.digest, "", FINAL, recipe.recipe.seeds[0], variant=MAPS)]


def _tuned(
    items: list[Fit], recipe: Plan, stage: str, each: Each, maps: Sequence[Fit] = ()
) -> tuple[list[Fit], list[dict[str, Any]]]:
    """Return the fits at the point of the grid that is best inside their own training part; and the records of maps.

    Fits on shuffled labels take the point that was chosen with the real labels. A fit of which a trial met a bug is
    left out: the others are done and cached before the stage fails.
    """
    n_points = len(recipe.points)
    trials = [
        replace(item, point=point, keep=False)
        for item in items
        if item.variant != SHUFFLED and n_points > 1
        for point in range(n_points)
    ]
    version, reads = _fitting_version(), _reads(recipe)
    work = Work(stage, fitting.tune_one, Section(), TUNED, version=version, reads=reads, fails_later=True)
    # a map takes longer than a trial: it comes early, but after those that are done while worker processes start
    ordered = [*trials[:_BEFORE_MAPS], *maps, *trials[_BEFORE_MAPS:]]
    outcomes = zip(ordered, each(work, ordered), strict=True)
    records = {trial: outcome.result().rows.to_pylist()[0] for trial, outcome in outcomes if not outcome.bug}
    drawn = [records[item] for item in maps if item in records]
    if n_points == 1:
        return items, drawn

    def best_point(trial: Fit) -> int:
        # ties go to the first: grids go from simple to complex
        return max(range(n_points), key=lambda point: (records[replace(trial, point=point)]["score"], -point))

    tuned = []
    for item in items:
        trial = replace(item, keep=False)
        trial = replace(trial, variant=RECIPE, number=0) if item.variant == SHUFFLED else trial
        if all(replace(trial, point=point) in records for point in range(n_points)):
            tuned.append(replace(item, point=best_point(trial)))
    return tuned, drawn


def _reads(recipe: Plan) -> Callable[[Fit], Sequence[ItemFile]] | None:
    # a pretrained model lies in the cache of this machine
    return None if recipe.model_checkpoints else Fit.reads


def _fitting_version() -> str:
    return code_version.version(fitting.__name__, without=_LOOKED_UP)


def _model_version(recipe: Plan) -> str:
    """Return the code digests of a recipe's models and the fingerprints of the pretrained ones they start from."""
    versions = [code_version.version(module) for module in model_modules(recipe)]
    for checkpoint in recipe.model_checkpoints:
        from tasks.features.base import checkpoints

        versions.append(checkpoints.fingerprint(checkpoint))
    return " ".join(versions)


def model_modules(recipe: Plan) -> list[str]:
    """Return the modules of a recipe's model and of the models that it builds on.

    Args:
        recipe: the recipe
    """
    model = recipe.model
    others = model.builds_on(recipe.settings(0)) if model.builds_on is not None else ()
    return [registry.module(name) for name in (model.name, *others)]
