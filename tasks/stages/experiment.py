"""Stage experiment@NAME: audit, tune, fit and score a recipe of params.yaml, and keep its model."""

from __future__ import annotations

from collections.abc import Collection

from tasks import leaks
from tasks.core import folders, free_memory, paths
from tasks.core.config import Config
from tasks.core.each import Each
from tasks.core.errors import InputError, NotEnoughData
from tasks.experiments import all_fits, folds, plan, result_files
from tasks.experiments import data as experiment_data
from tasks.experiments.data import Data
from tasks.experiments.plan import Plan
from tasks.leaks.finding import RANDOM_FOLDS

_MORE_LABELS = "More interviews in both lists, or a lower polarity.min_score in params.yaml, give more labels"


def run(config: Config, name: str, *, each: Each) -> None:
    """Audit, tune, fit and score a recipe; write `data/experiment/NAME/`.

    Args:
        config: all settings
        name: of the experiment
        each: maps fits

    Raises:
        InputError: if params.yaml has no such experiment
        ConfigError: if the recipe cannot work
        NotEnoughData: if the corpus is too small for its protocol
        LeakError: if training and test part overlap in a way that the recipe does not declare
    """
    if name not in config.experiments:
        raise InputError(f"params.yaml has no experiment {name!r}; it has {', '.join(config.experiments) or 'none'}")
    recipe = plan.plan(name, config)
    interviews = config.corpora[recipe.recipe.corpus].is_interviews
    try:
        data = experiment_data.load(recipe)
        audit = audit_of(recipe, data, config.audit.declared if interviews else ())
        leaks.demand(audit)
        # the audit takes several times the memory of the rows; this process trains models, too
        free_memory.release()
        fits = list(all_fits.fits(recipe, data, each))
    except NotEnoughData as error:
        raise NotEnoughData(f"{error}. {_MORE_LABELS}") if interviews else error from None
    # the fits' records were lists of Python objects
    free_memory.release()
    with folders.replaced(paths.experiment(name)) as folder:
        result_files.write(folder, config, recipe, data, fits, audit=audit)


def plugins(config: Config, name: str) -> list[str]:
    """Return the modules that a recipe loads by name.

    Args:
        config: all settings
        name: of the experiment
    """
    return all_fits.model_modules(plan.plan(name, config))


def checkpoints_of(config: Config, name: str) -> tuple[str, ...]:
    """Return the pretrained models that a recipe's models start from, as params.yaml names them.

    Args:
        config: all settings
        name: of the experiment
    """
    return plan.plan(name, config).model_checkpoints


def audit_of(recipe: Plan, data: Data, declared: Collection[str] = ()) -> leaks.AuditReport:
    """Return the findings on a recipe's folds, features and pretrained models.

    Args:
        recipe: the recipe
        data: its rows
        declared: leaks that are accepted beside those that the recipe declares; naming a leaky protocol declares it
    """
    return leaks.audit(
        experiment_data.utterances(recipe, data),
        experiment_data.by_utterance(data, folds.folds(recipe, data, recipe.recipe.seeds[0])),
        recipe.protocol,
        sounds=experiment_data.sounds(recipe, data),
        features=list(data.inputs.vectors.values()),
        checkpoints=recipe.checkpoints,
        pretrained_on=recipe.recipe.pretrained_on,
        parts_saw_test=recipe.recipe.branches_see == "everything",
        declared=[*recipe.recipe.declare, *declared, *([RANDOM_FOLDS] if recipe.protocol.leaky else [])],
    )
