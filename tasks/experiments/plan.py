"""Resolve a recipe of params.yaml and check it before anything runs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tasks.core.config import Config, Experiment, error_lines
from tasks.core.errors import ConfigError, UndertoneError, one_of
from tasks.evaluation import protocols
from tasks.evaluation.protocols import Protocol
from tasks.experiments import balancing, checkpoint_uses, recipe_checks
from tasks.experiments.balancing import Balance
from tasks.experiments.checkpoint_uses import CheckpointUse
from tasks.experiments.targets import task_of
from tasks.features.base import feature_sets
from tasks.features.base.checkpoints import TINY
from tasks.features.base.extractor import Extractor
from tasks.features.base.feature_sets import error_context
from tasks.features.base.settings import settings_of
from tasks.models.base import registry as models
from tasks.models.base.estimator import Model, Task

_MOST_POINTS = 1000
_WHERE = "params.yaml: experiments."


@dataclass(frozen=True)
class FeatureSet:
    """One block of features of a recipe."""

    name: str
    extractor: Extractor
    settings: Any


@dataclass(frozen=True)
class Plan:
    """A checked recipe with its names resolved.

    Args:
        name: of the experiment
        recipe: as in params.yaml
        points: the model's settings at every point of the grid; one if nothing is tuned
        parts: its feature sets
        reader: name of the corpus's reader
    """

    name: str
    recipe: Experiment
    task: Task
    protocol: Protocol
    balance: Balance
    model: Model
    points: tuple[Mapping[str, Any], ...]
    parts: tuple[FeatureSet, ...]
    reader: str
    config: Config = field(repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as names, which are resolved again in the other process."""
        return plan, (self.name, self.config)

    @property
    def where(self) -> str:
        """Its place, for messages."""
        return f"{_WHERE}{self.name}"

    def settings(self, point: int) -> Any:
        """Return the model's settings at a point of the grid.

        Args:
            point: its index
        """
        return settings_of(self.model.settings, self.points[point], f"{self.where}.model")

    @property
    def modalities(self) -> Mapping[str, tuple[str, ...]]:
        """`text`, `sound`, `video` → the recipe's features of this modality."""
        by_modality: dict[str, tuple[str, ...]] = {}
        for part in self.parts:
            by_modality[part.extractor.reads] = (*by_modality.get(part.extractor.reads, ()), part.name)
        return by_modality

    @property
    def checkpoint_uses(self) -> tuple[CheckpointUse, ...]:
        """Pretrained models that its features, its model, or a model that it builds on use, each place once."""
        blocks = {name for part in self.parts for name in (part.name, part.extractor.gives)}
        features = [checkpoint_uses.of_settings(part.settings, f"features.{part.name}.settings") for part in self.parts]
        points = [
            checkpoint_uses.of_settings(self.settings(point), f"experiments.{self.name}.model", blocks)
            for point in range(len(self.points))
        ]
        return tuple(dict.fromkeys(itertools.chain(*features, *points)))

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """Names of the pretrained models that it uses."""
        return tuple(dict.fromkeys(use.checkpoint for use in self.checkpoint_uses))

    @property
    def model_checkpoints(self) -> tuple[str, ...]:
        """Names of the pretrained models that its model starts from."""
        uses = (use for use in self.checkpoint_uses if use.place.startswith("experiments."))
        return tuple(dict.fromkeys(use.checkpoint for use in uses))

    @property
    def random_weights(self) -> bool:
        """Whether pretrained models are replaced by small ones with random weights."""
        return any(name in TINY for name in self.checkpoints)


def plan(name: str, config: Config) -> Plan:
    """Resolve and check a recipe.

    Args:
        name: of the experiment
        config: all settings

    Raises:
        ConfigError: at the first mistake, with its place in params.yaml, what was found and what is allowed
    """
    with error_lines():
        return _plan(name, config)


def _plan(name: str, config: Config) -> Plan:
    recipe, where = config.experiments[name], f"{_WHERE}{name}"
    one_of(recipe.corpus, config.corpora, f"{where}.corpus: there is no corpus")
    parts = tuple(_parts(recipe, config, where))
    with error_context(f"{where}.model"):
        model = models.model(_model_name(recipe.model))
    with error_context(f"{where}.balance"):
        balance = balancing.parse(recipe.balance)
    with error_context(f"{where}.protocol"):
        protocol = protocols.parse(recipe.protocol)
    _demand_none(recipe_checks.of_labels(recipe), where)
    reader, task = config.corpora[recipe.corpus].reader, task_of(recipe.target)
    resolved = Plan(name, recipe, task, protocol, balance, model, _points(recipe, where), parts, reader, config)
    _demand_none(recipe_checks.mistakes(resolved), where)
    return resolved


def _demand_none(mistakes: Iterable[str], where: str) -> None:
    for mistake in mistakes:
        raise ConfigError(f"{where}.{mistake}")


def checkpoints(config: Config) -> tuple[str, ...]:
    """Return the pretrained models that valid features and recipes name, each once.

    Args:
        config: all settings
    """
    named = list[str]()
    for name in config.features:
        with suppress(UndertoneError):
            _, settings = feature_sets.resolve(name, config)
            named += [use.checkpoint for use in checkpoint_uses.of_settings(settings, name)]
    for name in config.experiments:
        with suppress(UndertoneError):
            named += plan(name, config).model_checkpoints
    return tuple(dict.fromkeys(named))


def demand(config: Config) -> None:
    """Check every recipe and every feature set.

    Args:
        config: all settings

    Raises:
        ConfigError: at the first mistake
    """
    for name in config.features:
        feature_sets.resolve(name, config)
    for name in config.experiments:
        plan(name, config)


def _parts(recipe: Experiment, config: Config, where: str) -> Iterable[FeatureSet]:
    if len(set(recipe.features)) < len(recipe.features):
        raise ConfigError(f"{where}.features: {', '.join(recipe.features)} names one twice")
    for name in recipe.features:
        one_of(name, config.features, f"{where}.features: there are no features")
        entry = config.features[name]
        if entry.corpus != recipe.corpus:
            usable = ", ".join(other for other, entry in config.features.items() if entry.corpus == recipe.corpus)
            raise ConfigError(
                f"{where}.features: {name} are of corpus {entry.corpus}, not of {recipe.corpus}; "
                f"of {recipe.corpus} there are {usable or 'none'}"
            )
        yield FeatureSet(name, *feature_sets.resolve(name, config))


def _points(recipe: Experiment, where: str) -> tuple[Mapping[str, Any], ...]:
    base = {key: value for key, value in recipe.model.items() if key != "name"}
    if recipe.tune is None:
        return (base,)
    if twice := sorted(set(base) & set(recipe.tune.grid)):
        raise ConfigError(f"{where}.tune.grid: {', '.join(twice)} is set under model as well; keep one of the two")
    names = list(recipe.tune.grid)
    if (n_points := math.prod(len(values) for values in recipe.tune.grid.values())) > _MOST_POINTS:
        raise ConfigError(f"{where}.tune.grid: {n_points:,} combinations; the limit is {_MOST_POINTS:,}")
    return tuple(
        {**base, **dict(zip(names, point, strict=True))} for point in itertools.product(*recipe.tune.grid.values())
    )


def _model_name(model: Mapping[str, Any]) -> str:
    name = model.get("name")
    if not isinstance(name, str):
        raise ConfigError(f"a model needs a name; there are {', '.join(models.names())}")
    return name
