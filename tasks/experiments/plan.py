"""A recipe made sure of before anything runs: every name known, every part able to work with the others."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from tasks.core.config import Clips, Config, Experiment
from tasks.core.errors import ConfigError, UndertoneError, one_of
from tasks.corpora.labels import LABEL_SETS
from tasks.evaluation import protocols
from tasks.evaluation.protocols import Protocol
from tasks.experiments import balancing
from tasks.experiments.balancing import Balance
from tasks.features.base import feature_sets
from tasks.features.base.extractor import Extractor
from tasks.features.base.feature_sets import error_context
from tasks.features.base.settings import settings_of
from tasks.leaks.finding import CHECKS
from tasks.models.base import registry as models
from tasks.models.base.estimator import Kind, Model, Task

INTENSITIES = ("valence", "arousal", "dominance", "sentiment_intensity")
"""Targets that are numbers."""
SEVERAL = "emotions"
"""The target of corpora in which an utterance may have several emotions at once."""
IN_TWO_STEPS = ("fusion", "cross-modal-svm")
"""Models that freeze what they have learned, branches or a network, before their last part learns on it."""
SHARED = "shared"
"""The set of classes that every corpus of a pool has."""
MANY_INTENSITIES = tuple(
    f"{name}_intensity" for name in ("happiness", "sadness", "anger", "surprise", "disgust", "fear")
)
_TARGETS = ("emotion", "sentiment", SEVERAL, *INTENSITIES)
_WHERE = "params.yaml: experiments."


@dataclass(frozen=True)
class Part:
    """One block of features of a recipe."""

    name: str
    extractor: Extractor
    settings: Any


@dataclass(frozen=True)
class Plan:
    """A recipe whose every name has been looked up.

    Args:
        name: the experiment's
        recipe: as params.yaml has it
        points: the model's settings at every point of the grid; one, where nothing is tuned
        reader: who reads the corpus
    """

    name: str
    recipe: Experiment
    task: Task
    protocol: Protocol
    balance: Balance
    model: Model
    points: tuple[Mapping[str, Any], ...]
    parts: tuple[Part, ...]
    reader: str
    config: Config = field(repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes as names: what they stand for is looked up again there."""
        return plan, (self.name, self.config)

    def settings(self, point: int) -> Any:
        """Return the model's settings at a point of the grid."""
        return settings_of(self.model.settings, self.points[point], f"{_WHERE}{self.name}.model")

    @property
    def modalities(self) -> Mapping[str, tuple[str, ...]]:
        """`text`, `sound`, `video` → the recipe's features that are read off it."""
        found: dict[str, tuple[str, ...]] = {}
        for part in self.parts:
            found[part.extractor.reads] = (*found.get(part.extractor.reads, ()), part.name)
        return found

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """Pretrained models that its features or its model start from."""
        of_parts = [one for part in self.parts for one in _checkpoints(asdict(part.settings))]
        return tuple(dict.fromkeys([*of_parts, *self.model_checkpoints]))

    @property
    def model_checkpoints(self) -> tuple[str, ...]:
        """Pretrained models that its model starts from, or a model that it builds on."""
        mine = {name for part in self.parts for name in (part.name, part.extractor.gives)}
        used = [one for point in range(len(self.points)) for one in _checkpoints(asdict(self.settings(point)), mine)]
        return tuple(dict.fromkeys(used))


def plan(name: str, config: Config) -> Plan:
    """Check a recipe against what there is.

    Raises:
        ConfigError: at the first thing that cannot work; the message says where it stands, what was found and what is
            allowed there
    """
    recipe, where = config.experiments[name], f"{_WHERE}{name}"
    one_of(recipe.corpus, config.corpora, f"{where}.corpus: there is no corpus")
    reader = config.corpora[recipe.corpus].reader
    parts = tuple(_parts(recipe, config, where))
    with error_context(f"{where}.model"):
        model = models.model(_model_name(recipe.model))
    with error_context(f"{where}.balance"):
        balance = balancing.parse(recipe.balance)
    with error_context(f"{where}.protocol"):
        protocol = protocols.parse(recipe.protocol)
    task = _task(recipe, where)
    found = Plan(name, recipe, task, protocol, balance, model, _points(recipe, where), parts, reader, config)
    _demand_target(found, where)
    _demand_protocol(found, where)
    _demand_model(found, where)
    _demand_balance(found, where)
    _demand_tuning(found, where)
    _demand_windows(found, where)
    _demand_missing(found, where)
    _demand_together(found, where)
    if recipe.branches_see == "everything" and model.name not in IN_TWO_STEPS:
        raise ConfigError(
            f"{where}.branches_see: it is about what is frozen inside {' and '.join(IN_TWO_STEPS)}, and the model is "
            f"{model.name}"
        )
    for check in recipe.declare:
        one_of(check, CHECKS, f"{where}.declare: the audit has no check")
    if len(set(recipe.seeds)) < len(recipe.seeds):
        raise ConfigError(f"{where}.seeds: {recipe.seeds} names a seed twice; it would count twice")
    return found


def stages(plans: Iterable[Plan]) -> tuple[str, ...]:
    """Return the stages that experiments need, in order: their corpora, their features and no others, themselves.

    Args:
        plans: the recipes
    """
    corpora, features, experiments = dict[str, None](), dict[str, None](), dict[str, None]()
    weights = dict[str, None]()
    for one in plans:
        listed = one.config.checkpoints.items()
        weights |= dict.fromkeys(f"checkpoint@{name}" for name, listed_as in listed if listed_as in one.checkpoints)
        corpora[f"corpus@{one.recipe.corpus}"] = None
        features |= dict.fromkeys(f"extract@{part.name}" for part in one.parts)
        experiments |= dict.fromkeys(f"{stage}@{one.name}" for stage in ("inputs", "experiment", "page"))
    return (*weights, "code", *corpora, *features, *experiments)


def checkpoints(config: Config) -> tuple[str, ...]:
    """Return the pretrained models that features and recipes name, each once; those of invalid entries are left out.

    Args:
        config: all settings
    """
    named = list[str]()
    for name in config.features:
        with suppress(UndertoneError):
            _, settings = feature_sets.resolve(name, config)
            named += _checkpoints(asdict(settings))
    for name in config.experiments:
        with suppress(UndertoneError):
            named += plan(name, config).model_checkpoints
    return tuple(dict.fromkeys(named))


def demand(config: Config) -> None:
    """Check every recipe and every set of features.

    Raises:
        ConfigError: at the first that cannot work
    """
    for name in config.features:
        feature_sets.resolve(name, config)
    for name in config.experiments:
        plan(name, config)


def _parts(recipe: Experiment, config: Config, where: str) -> Iterable[Part]:
    if len(set(recipe.features)) < len(recipe.features):
        raise ConfigError(f"{where}.features: {', '.join(recipe.features)} names one twice")
    for one in recipe.features:
        one_of(one, config.features, f"{where}.features: there are no features")
        entry = config.features[one]
        if entry.corpus != recipe.corpus:
            mine = ", ".join(name for name, other in config.features.items() if other.corpus == recipe.corpus)
            raise ConfigError(
                f"{where}.features: {one} are of corpus {entry.corpus}, not of {recipe.corpus}; "
                f"of {recipe.corpus} there are {mine or 'none'}"
            )
        yield Part(one, *feature_sets.resolve(one, config))


def _task(recipe: Experiment, where: str) -> Task:
    one_of(recipe.target, _TARGETS, f"{where}.target: there is no target")
    if recipe.target == "emotion":
        one_of(recipe.labels, (*LABEL_SETS, SHARED), f"{where}.labels: there is no set of classes")
    elif recipe.labels != "all":
        raise ConfigError(f"{where}.labels: {recipe.labels} chooses among emotions, and the target is {recipe.target}")
    if recipe.target == SEVERAL:
        return "labels"
    return "values" if recipe.target in INTENSITIES else "classes"


def _points(recipe: Experiment, where: str) -> tuple[Mapping[str, Any], ...]:
    base = {key: value for key, value in recipe.model.items() if key != "name"}
    if recipe.tune is None:
        return (base,)
    if twice := sorted(set(base) & set(recipe.tune.grid)):
        raise ConfigError(f"{where}.tune.grid: {', '.join(twice)} is set under model as well; keep one of the two")
    names = list(recipe.tune.grid)
    return tuple(
        {**base, **dict(zip(names, point, strict=True))} for point in itertools.product(*recipe.tune.grid.values())
    )


def _demand_target(found: Plan, where: str) -> None:
    needed = MANY_INTENSITIES if found.recipe.target == SEVERAL else (found.recipe.target,)
    offered = _offered(found.reader)
    if offered is not None and not set(needed) <= offered:
        there = [one for one in _TARGETS if one in offered or (one == SEVERAL and set(MANY_INTENSITIES) <= offered)]
        raise ConfigError(
            f"{where}.target: corpus {found.recipe.corpus} ({found.reader}) states no {found.recipe.target}; "
            f"it states {', '.join(there)}"
        )
    if found.task != "classes" and found.recipe.first_per_class:
        raise ConfigError(f"{where}.first_per_class: the target {found.recipe.target} has no classes")
    for part in found.parts:
        column = part.extractor.column
        if offered is not None and column not in offered:
            raise ConfigError(f"{where}.features: {part.name} are read off {column}, and {found.reader} has none")


def _offered(reader: str) -> frozenset[str] | None:
    """Return the columns of a corpus's utterances, so far as its reader states them."""
    # deferred: a fit does not depend on what only a check of the recipe needs
    from tasks.corpora.readers import registry

    return registry.corpus(reader).offers


def _demand_protocol(found: Plan, where: str) -> None:
    needed = ("split",) if found.protocol.kind == "official" else found.protocol.unit
    # the rows that a recipe chooses may all have what some of the corpus's lack; data tell
    offered = None if found.recipe.only else _offered(found.reader)
    if offered is not None and (lacking := [column for column in needed if column not in offered]):
        possible = [
            form
            for kind, form in protocols.FORMS.items()
            if {"split"} <= offered or kind != "official"
            if set(protocols.Protocol(kind).unit) <= offered
        ]
        raise ConfigError(
            f"{where}.protocol: {found.protocol.name} needs the {' and '.join(lacking)} of every utterance, and "
            f"{found.reader} states none; possible here: {', '.join(possible)}"
        )


def _demand_model(found: Plan, where: str) -> None:
    model = found.model
    if found.task not in model.tasks:
        able = [name for name in models.names() if found.task in models.model(name).tasks]
        raise ConfigError(
            f"{where}.model: {model.name} cannot learn the target {found.recipe.target}; able are {', '.join(able)}"
        )
    for part in found.parts:
        kind: Kind = part.extractor.gives
        if kind not in model.takes:
            able = [name for name in models.names() if kind in models.model(name).takes]
            raise ConfigError(
                f"{where}.features: {part.name} ({part.extractor.name}) give a {kind} per utterance, and {model.name} "
                f"takes {' or '.join(sorted(model.takes))}; able are {', '.join(able)}"
            )
    for point in range(len(found.points)):
        found.settings(point)


def _demand_balance(found: Plan, where: str) -> None:
    if found.balance.way == "as they are":
        return
    if found.task != "classes":
        raise ConfigError(f"{where}.balance: {found.balance.name} needs classes; the target is {found.recipe.target}")
    kinds = {part.extractor.gives for part in found.parts}
    if found.balance.way == "new rows" and (kinds != {"vector"} or found.model.builds_on):
        raise ConfigError(
            f"{where}.balance: {found.balance.name} makes new rows between two old ones: that needs vectors, and a "
            "model that looks at nothing else; take class-weights, random-over, random-under or first-n(N)"
        )


def _demand_tuning(found: Plan, where: str) -> None:
    tune = found.recipe.tune
    if tune is None:
        return
    if tune.folds == 1:
        raise ConfigError(
            f"{where}.tune.folds: 1 leaves nothing to judge by; take 2 or more, or 0 for development rows"
        )
    if (tune.by == "mae") != (found.task == "values"):
        by = "mae" if found.task == "values" else "uar, macro_f1, weighted_f1 or accuracy"
        raise ConfigError(f"{where}.tune.by: {tune.by} cannot judge the target {found.recipe.target}; take {by}")


def _demand_windows(found: Plan, where: str) -> None:
    recipe, task = found.recipe, found.task
    if recipe.threshold != 0.5 and task != "labels":
        raise ConfigError(f"{where}.threshold: it is of several labels at once, and the target is {recipe.target}")
    if recipe.windows is None:
        if recipe.clips is not None:
            raise ConfigError(f"{where}.clips: it says how windows are scored together, and there are no windows")
        return
    for part in found.parts:
        if part.extractor.gives != "sequence" or not hasattr(part.settings, "step_s"):
            raise ConfigError(
                f"{where}.windows: they are cut out of sequences with so many steps a second, and {part.name} "
                f"({part.extractor.name}) give none"
            )
        if recipe.windows.length_s < part.settings.step_s or recipe.windows.hop_s < part.settings.step_s:
            raise ConfigError(
                f"{where}.windows: {recipe.windows.length_s} s every {recipe.windows.hop_s} s; {part.name} have a step "
                f"every {part.settings.step_s:g} s, and neither may be shorter"
            )
    clips = recipe.clips or Clips()
    if (clips.by == "vote" or clips.floor) and task != "classes":
        raise ConfigError(f"{where}.clips: votes and a floor are of classes; the target is {recipe.target}")
    if clips.floor and not found.model.probabilities:
        raise ConfigError(f"{where}.clips.floor: it is a probability, and {found.model.name} gives none")


def _demand_together(found: Plan, where: str) -> None:
    together: Mapping[str, list[str]] = getattr(found.settings(0), "together", {})
    for name, blocks in together.items():
        for one in blocks:
            one_of(one, found.recipe.features, f"{where}.model.together: the recipe has no features")
        if name in set(found.recipe.features) - set(blocks):
            raise ConfigError(f"{where}.model.together: {name} is the name of other features; call it differently")


def _demand_missing(found: Plan, where: str) -> None:
    if found.recipe.missing == "left-out":
        return
    if not found.model.lacking:
        able = [name for name in models.names() if models.model(name).lacking]
        raise ConfigError(
            f"{where}.missing: {found.model.name} needs all features of every utterance; able to do without some are "
            f"{', '.join(able)}"
        )
    if found.recipe.windows is not None:
        raise ConfigError(f"{where}.missing: what is not there cannot be cut into windows; take left-out")
    if found.balance.way == "new rows":
        raise ConfigError(
            f"{where}.balance: {found.balance.name} makes new rows between two old ones, which must not lack anything; "
            "take missing: left-out, or another way of balancing"
        )


def _model_name(model: Mapping[str, Any]) -> str:
    name = model.get("name")
    if not isinstance(name, str):
        raise ConfigError(f"a model needs a name; there are {', '.join(models.names())}")
    return name


def _checkpoints(settings: Any, blocks: Container[str] = ()) -> Iterator[str]:
    """Yield every pretrained model that settings name, however deep, or that a model they name has by default.

    Args:
        settings: as a mapping
        blocks: names and kinds of the recipe's features: models of other blocks are not used
    """
    if not isinstance(settings, Mapping):
        return
    for key, value in settings.items():
        if key == "checkpoint" and isinstance(value, str) and value:
            yield value
        elif isinstance(value, Mapping) and value.get("name") in models.names():
            if key in blocks:
                inner = {name: one for name, one in value.items() if name != "name"}
                yield from _checkpoints(asdict(settings_of(models.model(value["name"]).settings, inner, key)), blocks)
        else:
            yield from _checkpoints(value, blocks)
