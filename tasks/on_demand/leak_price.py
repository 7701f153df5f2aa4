"""Price of a leak: scores of a recipe under its own protocol and under random folds, on the same utterances."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np

from tasks import leaks
from tasks.core import artifacts, paths
from tasks.core.config import Config
from tasks.core.each import Each
from tasks.core.errors import InputError
from tasks.evaluation.scores import Bootstrap
from tasks.evaluation.splits import Labels
from tasks.experiments import all_fits, folds
from tasks.experiments import data as experiment_data
from tasks.experiments import plan as plans
from tasks.experiments.fit_item import FINAL, RECIPE, SHUFFLED, Fit
from tasks.experiments.plan import Plan
from tasks.experiments.runs import MAJORITY, Scorer
from tasks.experiments.scoring import Run
from tasks.stages import experiment


def price(name: str, config: Config, *, each: Each, declared: Collection[str] = ()) -> dict[str, Any]:
    """Return a recipe's scores under its own protocol and under as many random folds, and their difference.

    Both sides are scored on the utterances that both test, as one score of all rows. Fits are cached with those of the
    experiment: only those under random folds are new if it has been run.

    Args:
        name: of the experiment; its corpus and features are up to date
        config: all settings
        each: maps fits
        declared: leaks of its protocol that are accepted beside those that the recipe declares

    Returns:
        the content of `price.json`: `honest` and `leaky` with protocol, rows to train on, scores and baselines; and
        `difference`, leaky minus honest, with the interval of a paired bootstrap over groups

    Raises:
        InputError: if the recipe's own protocol is leaky
        LeakError: if the audit of its own protocol finds a violation that is not declared
        NotEnoughData: if the corpus is too small for the protocol
    """
    honest = demand_honest(plans.plan(name, config))
    data = experiment_data.load(honest)
    leaks.demand(experiment.audit_of(honest, data, declared))
    n_folds = len(folds.folds(honest, data, honest.recipe.seeds[0]))
    leaky = _under(f"random({max(2, n_folds)})", honest)
    bootstrap = Bootstrap(config.evaluate.bootstrap, config.evaluate.confidence, config.evaluate.seed)
    scorer = Scorer.of(honest, data, bootstrap)
    # one score of all rows, resampled by the groups of the recipe's own protocol
    pooled = replace(scorer, plan=leaky)
    of_honest, n_train = _tested(scorer, each)
    of_leaky, n_train_leaky = _tested(pooled, each)
    common = reduce(np.intersect1d, (run.ids for side in (of_honest, of_leaky) for run in side[RECIPE]))
    of_honest, of_leaky = (_on(common, side) for side in (of_honest, of_leaky))
    gain = pooled.gained(of_leaky[RECIPE], of_honest[RECIPE])
    return {
        "experiment": name,
        "corpus": honest.recipe.corpus,
        "reader": honest.reader,
        "simulated": artifacts.read_json(paths.reading(honest.recipe.corpus)).get("simulated", False),
        "target": honest.recipe.target,
        "task": honest.task,
        "outputs": list(data.outputs),
        "n": int(common.size),
        "n_groups": int(np.unique(of_honest[RECIPE][0].groups).size),
        "confidence": bootstrap.confidence,
        "honest": _side(honest, n_train) | _scored(pooled, of_honest),
        "leaky": _side(leaky, n_train_leaky) | _scored(pooled, of_leaky),
        "difference": {measure: gain[measure] for measure in pooled.measures},
    }


def demand_honest(recipe: Plan) -> Plan:
    """Return a recipe whose protocol is not leaky.

    Args:
        recipe: any recipe

    Raises:
        InputError: if its protocol is leaky
    """
    if recipe.protocol.leaky:
        raise InputError(
            f"{recipe.name}: found the leaky protocol {recipe.protocol.name}; expected one that keeps speakers, groups "
            "or scripts apart, which is then compared with random folds"
        )
    return recipe


def _under(protocol: str, recipe: Plan) -> Plan:
    """Return a recipe with another protocol; a plan is pickled as its name and its settings."""
    entry = recipe.recipe.model_copy(update={"protocol": protocol})
    changed = recipe.config.model_copy(update={"experiments": {**recipe.config.experiments, recipe.name: entry}})
    return plans.plan(recipe.name, changed)


def _tested(scorer: Scorer, each: Each) -> tuple[dict[str, list[Run]], float]:
    """Return the runs of a recipe and its baselines by name, and the mean number of rows that a fold is trained on."""

    def wanted(item: Fit) -> bool:
        return item.variant in (RECIPE, SHUFFLED) and item.fold != FINAL

    fits = list(all_fits.fits(scorer.plan, scorer.data, each, wanted=wanted))
    splits = folds.folds(scorer.plan, scorer.data, scorer.plan.recipe.seeds[0])
    tested = {MAJORITY: [scorer.majority(splits)]}
    tested |= {of_variant.name: scorer.runs(of_variant) for of_variant in fits}
    return tested, float(np.mean([record["n_train"] for record in fits[0].records]))


def _on(ids: Labels, side: dict[str, list[Run]]) -> dict[str, list[Run]]:
    def chosen(run: Run) -> Run:
        rows = np.isin(run.ids, ids)
        return Run(run.ids[rows], run.actual[rows], run.scores[rows], run.groups[rows], run.fold[rows])

    return {name: [chosen(run) for run in variant] for name, variant in side.items()}


def _side(recipe: Plan, n_train: float) -> dict[str, Any]:
    protocol = recipe.protocol
    return {"protocol": protocol.name, "protocol_in_words": protocol.in_words(), "n_train": round(n_train)}


def _scored(pooled: Scorer, side: dict[str, list[Run]]) -> dict[str, Any]:
    scored = {name: pooled.headline(runs) for name, runs in side.items()}
    return {"scores": scored.pop(RECIPE), "baselines": scored}
