"""Resolve a recipe of params.yaml and check it before anything runs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from tasks.core.config import Clips, Config, Experiment, error_lines
from tasks.core.errors import ConfigError, UndertoneError, one_of
from tasks.corpora import labels
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
"""Numeric targets."""
SEVERAL = "emotions"
"""Target of corpora in which an utterance may have several emotions at once."""
IN_TWO_STEPS = ("fusion", "cross-modal-svm")
"""Models whose last part is trained on frozen branches or a frozen network."""
SHARED = "shared"
"""The classes that every corpus of a pool has."""
MANY_INTENSITIES = tuple(
    f"{name}_intensity" for name in ("happiness", "sadness", "anger", "surprise", "disgust", "fear")
)
NATIVE = "native_label"
"""Target of the corpus's own codes."""
_TARGETS = ("emotion", "sentiment", NATIVE, SEVERAL, *INTENSITIES)
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

    def settings(self, point: int) -> Any:
        """Return the model's settings at a point of the grid.

        Args:
            point: its index
        """
        return settings_of(self.model.settings, self.points[point], f"{_WHERE}{self.name}.model")

    @property
    def modalities(self) -> Mapping[str, tuple[str, ...]]:
        """`text`, `sound`, `video` → the recipe's features of this modality."""
        by_modality: dict[str, tuple[str, ...]] = {}
        for part in self.parts:
            by_modality[part.extractor.reads] = (*by_modality.get(part.extractor.reads, ()), part.name)
        return by_modality

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """Pretrained models that its features or its model use."""
        of_parts = [checkpoint for part in self.parts for checkpoint in _checkpoints(asdict(part.settings))]
        return tuple(dict.fromkeys([*of_parts, *self.model_checkpoints]))

    @property
    def model_checkpoints(self) -> tuple[str, ...]:
        """Pretrained models that its model, or a model that it builds on, starts from."""
        blocks = {name for part in self.parts for name in (part.name, part.extractor.gives)}
        points = [asdict(self.settings(point)) for point in range(len(self.points))]
        return tuple(dict.fromkeys(checkpoint for point in points for checkpoint in _checkpoints(point, blocks)))


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
    reader = config.corpora[recipe.corpus].reader
    parts = tuple(_parts(recipe, config, where))
    with error_context(f"{where}.model"):
        model = models.model(_model_name(recipe.model))
    with error_context(f"{where}.balance"):
        balance = balancing.parse(recipe.balance)
    with error_context(f"{where}.protocol"):
        protocol = protocols.parse(recipe.protocol)
    task = _task(recipe, where)
    resolved = Plan(name, recipe, task, protocol, balance, model, _points(recipe, where), parts, reader, config)
    _demand_target(resolved, where)
    _demand_protocol(resolved, where)
    _demand_model(resolved, where)
    _demand_balance(resolved, where)
    _demand_tuning(resolved, where)
    _demand_windows(resolved, where)
    _demand_missing(resolved, where)
    _demand_together(resolved, where)
    if recipe.branches_see == "everything" and model.name not in IN_TWO_STEPS:
        raise ConfigError(
            f"{where}.branches_see: it works with {' and '.join(IN_TWO_STEPS)} only; found the model {model.name}"
        )
    for check in recipe.declare:
        one_of(check, CHECKS, f"{where}.declare: the audit has no check")
    if len(set(recipe.seeds)) < len(recipe.seeds):
        raise ConfigError(f"{where}.seeds: {recipe.seeds} names a seed twice; it would count twice")
    return resolved


def stages(plans: Iterable[Plan]) -> tuple[str, ...]:
    """Return the stages that experiments need, in order: corpora, features, the experiments.

    Args:
        plans: the recipes
    """
    corpora, features, experiments = dict[str, None](), dict[str, None](), dict[str, None]()
    weights = dict[str, None]()
    for checked in plans:
        listed = checked.config.checkpoints.items()
        weights |= dict.fromkeys(f"checkpoint@{name}" for name, path in listed if path in checked.checkpoints)
        corpora[f"corpus@{checked.recipe.corpus}"] = None
        features |= dict.fromkeys(f"extract@{part.name}" for part in checked.parts)
        experiments |= dict.fromkeys(f"{stage}@{checked.name}" for stage in ("inputs", "experiment", "page"))
    return (*weights, "code", *corpora, *features, *experiments)


def checkpoints(config: Config) -> tuple[str, ...]:
    """Return the pretrained models that valid features and recipes name, each once.

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


def _task(recipe: Experiment, where: str) -> Task:
    one_of(recipe.target, _TARGETS, f"{where}.target: there is no target")
    _demand_labels(recipe, where)
    if recipe.target == SEVERAL:
        return "labels"
    return "values" if recipe.target in INTENSITIES else "classes"


def _demand_labels(recipe: Experiment, where: str) -> None:
    if recipe.labels == "all":
        return
    if recipe.target not in ("emotion", NATIVE):
        chosen = labels.in_words(recipe.labels)
        raise ConfigError(
            f"{where}.labels: {chosen} chooses among emotions or native labels, and the target is {recipe.target}"
        )
    if isinstance(recipe.labels, str):
        sets = (*LABEL_SETS, SHARED) if recipe.target == "emotion" else ("all",)
        one_of(recipe.labels, sets, f"{where}.labels: there is no set of classes of {recipe.target}s")
        return
    for name in recipe.labels if recipe.target == "emotion" else ():
        one_of(name, labels.EMOTIONS, f"{where}.labels: there is no emotion")
    if len(set((labels.chosen(recipe.labels) or {}).values())) < 2:
        raise ConfigError(f"{where}.labels: {labels.in_words(recipe.labels)}: a single class; expected two or more")


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


def _demand_target(resolved: Plan, where: str) -> None:
    needed = MANY_INTENSITIES if resolved.recipe.target == SEVERAL else (resolved.recipe.target,)
    offered = _offered(resolved.reader)
    if offered is not None and not set(needed) <= offered:
        with_several = offered | {SEVERAL} if set(MANY_INTENSITIES) <= offered else offered
        possible = [target for target in _TARGETS if target in with_several]
        raise ConfigError(
            f"{where}.target: corpus {resolved.recipe.corpus} ({resolved.reader}) states no {resolved.recipe.target}; "
            f"it states {', '.join(possible)}"
        )
    if resolved.task != "classes" and resolved.recipe.first_per_class:
        raise ConfigError(f"{where}.first_per_class: the target {resolved.recipe.target} has no classes")
    for part in resolved.parts:
        column = part.extractor.column
        if offered is not None and column not in offered:
            raise ConfigError(f"{where}.features: {part.name} need the column {column}; {resolved.reader} has none")


def _offered(reader: str) -> frozenset[str] | None:
    """Return the columns that a reader states for its utterances, if it states them."""
    # deferred: only checks of a recipe need readers, fits do not
    from tasks.corpora.readers import registry

    offers = registry.corpus(reader).offers
    # every reader keeps the codes that it maps to emotions
    return None if offers is None else offers | {NATIVE}


def _demand_protocol(resolved: Plan, where: str) -> None:
    needed = ("split",) if resolved.protocol.kind == "official" else resolved.protocol.unit
    # rows chosen by `only` may all have a column that others of the corpus lack: known only when data are read
    offered = None if resolved.recipe.only else _offered(resolved.reader)
    if offered is not None and (lacking := [column for column in needed if column not in offered]):
        possible = [
            form
            for kind, form in protocols.FORMS.items()
            if {"split"} <= offered or kind != "official"
            if set(protocols.Protocol(kind).unit) <= offered
        ]
        raise ConfigError(
            f"{where}.protocol: {resolved.protocol.name} needs the {' and '.join(lacking)} of every utterance, and "
            f"{resolved.reader} states none; possible here: {', '.join(possible)}"
        )


def _demand_model(resolved: Plan, where: str) -> None:
    model = resolved.model
    if resolved.task not in model.tasks:
        able = [name for name in models.names() if resolved.task in models.model(name).tasks]
        raise ConfigError(
            f"{where}.model: {model.name} cannot learn the target {resolved.recipe.target}; able are {', '.join(able)}"
        )
    for part in resolved.parts:
        kind: Kind = part.extractor.gives
        if kind not in model.takes:
            able = [name for name in models.names() if kind in models.model(name).takes]
            raise ConfigError(
                f"{where}.features: {part.name} ({part.extractor.name}) give a {kind} per utterance, and {model.name} "
                f"takes {' or '.join(sorted(model.takes))}; able are {', '.join(able)}"
            )
    for point in range(len(resolved.points)):
        resolved.settings(point)


def _demand_balance(resolved: Plan, where: str) -> None:
    if resolved.balance.way == "as they are":
        return
    if resolved.task != "classes":
        raise ConfigError(
            f"{where}.balance: {resolved.balance.name} needs classes; the target is {resolved.recipe.target}"
        )
    kinds = {part.extractor.gives for part in resolved.parts}
    if resolved.balance.way == "new rows" and (kinds != {"vector"} or resolved.model.builds_on):
        raise ConfigError(
            f"{where}.balance: {resolved.balance.name} interpolates rows: that needs vectors, and a model that reads "
            "nothing else; use class-weights, random-over, random-under or first-n(N)"
        )


def _demand_tuning(resolved: Plan, where: str) -> None:
    tune = resolved.recipe.tune
    if tune is None:
        return
    if tune.folds == 1:
        raise ConfigError(f"{where}.tune.folds: 1 leaves nothing to judge by; use 2 or more, or 0 for development rows")
    if (tune.by == "mae") != (resolved.task == "values"):
        by = "mae" if resolved.task == "values" else "uar, macro_f1, weighted_f1 or accuracy"
        raise ConfigError(f"{where}.tune.by: {tune.by} cannot judge the target {resolved.recipe.target}; use {by}")


def _demand_windows(resolved: Plan, where: str) -> None:
    recipe, task = resolved.recipe, resolved.task
    if recipe.threshold != 0.5 and task != "labels":
        raise ConfigError(f"{where}.threshold: it needs several labels at once; the target is {recipe.target}")
    if recipe.windows is None:
        if recipe.clips is not None:
            raise ConfigError(f"{where}.clips: it pools the scores of windows, and the recipe has no windows")
        return
    for part in resolved.parts:
        if part.extractor.gives != "sequence" or not hasattr(part.settings, "step_s"):
            raise ConfigError(
                f"{where}.windows: they need sequences with a fixed step; {part.name} ({part.extractor.name}) are not"
            )
        if recipe.windows.length_s < part.settings.step_s or recipe.windows.hop_s < part.settings.step_s:
            raise ConfigError(
                f"{where}.windows: {recipe.windows.length_s} s every {recipe.windows.hop_s} s; {part.name} have a step "
                f"every {part.settings.step_s:g} s, and neither may be shorter"
            )
    clips = recipe.clips or Clips()
    if (clips.by == "vote" or clips.floor) and task != "classes":
        raise ConfigError(f"{where}.clips: votes and a floor need classes; the target is {recipe.target}")
    if clips.floor and not resolved.model.probabilities:
        raise ConfigError(f"{where}.clips.floor: it is a probability, and {resolved.model.name} gives none")


def _demand_together(resolved: Plan, where: str) -> None:
    together: Mapping[str, list[str]] = getattr(resolved.settings(0), "together", {})
    for name, blocks in together.items():
        for block in blocks:
            one_of(block, resolved.recipe.features, f"{where}.model.together: the recipe has no features")
        if name in set(resolved.recipe.features) - set(blocks):
            raise ConfigError(f"{where}.model.together: {name} is the name of other features; call it differently")


def _demand_missing(resolved: Plan, where: str) -> None:
    if resolved.recipe.missing == "left-out":
        return
    if not resolved.model.lacking:
        able = [name for name in models.names() if models.model(name).lacking]
        raise ConfigError(
            f"{where}.missing: {resolved.model.name} needs all features of every utterance; models that do not: "
            f"{', '.join(able)}"
        )
    if resolved.recipe.windows is not None:
        raise ConfigError(f"{where}.missing: missing features cannot be cut into windows; use left-out")
    if resolved.balance.way == "new rows":
        raise ConfigError(
            f"{where}.balance: {resolved.balance.name} interpolates rows, which must have all features; "
            "use missing: left-out, or another balancing method"
        )


def _model_name(model: Mapping[str, Any]) -> str:
    name = model.get("name")
    if not isinstance(name, str):
        raise ConfigError(f"a model needs a name; there are {', '.join(models.names())}")
    return name


def _checkpoints(settings: Any, blocks: Container[str] = ()) -> Iterator[str]:
    """Yield every pretrained model in nested settings, defaults of the models that they name included.

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
                inner = {name: entry for name, entry in value.items() if name != "name"}
                yield from _checkpoints(asdict(settings_of(models.model(value["name"]).settings, inner, key)), blocks)
        else:
            yield from _checkpoints(value, blocks)
