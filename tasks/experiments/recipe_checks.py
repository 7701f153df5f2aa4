"""Mistakes in a recipe that show without its corpus: keys that contradict each other, the model or the reader."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tasks.core.config import Clips, Experiment
from tasks.core.errors import guess
from tasks.corpora import labels
from tasks.corpora.labels import LABEL_SETS
from tasks.evaluation import protocols
from tasks.evaluation.scores import PRESENT_ABOVE
from tasks.experiments import adaptation
from tasks.experiments.targets import INTENSITIES, NATIVE, SHARED, TARGETS, columns_of
from tasks.leaks.finding import CHECKS
from tasks.models.base import registry as models
from tasks.models.base.estimator import Model

if TYPE_CHECKING:
    from tasks.experiments.plan import Plan

_ERRORS = ("mse", "mae")
IN_TWO_STEPS = ("fusion", "cross-modal-svm")
"""Models whose last part is trained on frozen branches or a frozen network."""


def mistakes(plan: Plan) -> Iterator[str]:
    """Yield the mistakes of a resolved recipe, each beginning with the key that is to be changed.

    Args:
        plan: the recipe; a check may rely on those before it
    """
    recipe = plan.recipe
    yield from _of_target(plan)
    yield from _of_protocol(plan)
    yield from _of_model(plan)
    yield from _of_balance(plan)
    yield from _of_tuning(plan)
    yield from _of_windows(plan)
    yield from _of_missing(plan)
    yield from _of_together(plan)
    yield from _of_adapt(plan)
    if recipe.branches_see == "everything" and plan.model.name not in IN_TWO_STEPS:
        yield f"branches_see: it works with {' and '.join(IN_TWO_STEPS)} only; found the model {plan.model.name}"
    for check in recipe.declare:
        # as the audit's message writes it: seen-speakers
        yield from _unknown(check.replace("-", " "), CHECKS, "declare: the audit has no check")
    if len(set(recipe.seeds)) < len(recipe.seeds):
        yield f"seeds: {recipe.seeds} names a seed twice; it would count twice"


def of_labels(recipe: Experiment) -> Iterator[str]:
    """Yield the mistakes of a recipe's target and its classes.

    Args:
        recipe: as in params.yaml
    """
    target, chosen = recipe.target, recipe.labels
    yield from _unknown(target, TARGETS, "target: there is no target")
    if chosen == "all":
        return
    if target not in ("emotion", NATIVE):
        yield (f"labels: {labels.in_words(chosen)} chooses among emotions or native labels, and the target is {target}")
    elif isinstance(chosen, str):
        sets = (*LABEL_SETS, SHARED) if target == "emotion" else ("all",)
        yield from _unknown(chosen, sets, f"labels: there is no set of classes of {target}s")
    else:
        for name in chosen if target == "emotion" else ():
            yield from _unknown(name, labels.EMOTIONS, "labels: there is no emotion")
        if len(set((labels.chosen(chosen) or {}).values())) < 2:
            yield f"labels: {labels.in_words(chosen)}: a single class; expected two or more"


def offered(reader: str) -> frozenset[str] | None:
    """Return the columns that a reader states for its utterances; None if only reading shows them.

    Args:
        reader: its name
    """
    # deferred: only checks of a recipe need readers, fits do not
    from tasks.corpora.readers import registry

    offers = registry.corpus(reader).offers
    # every reader keeps the codes that it maps to emotions
    return None if offers is None else offers | {NATIVE}


def _of_target(plan: Plan) -> Iterator[str]:
    target, columns = plan.recipe.target, offered(plan.reader)
    if columns is not None and not set(columns_of(target)) <= columns:
        yield (
            f"target: corpus {plan.recipe.corpus} ({plan.reader}) states no {target}; "
            f"it states {', '.join(possible for possible in TARGETS if set(columns_of(possible)) <= columns)}"
        )
    if plan.task != "classes" and plan.recipe.first_per_class:
        yield f"first_per_class: the target {target} has no classes"
    for part in plan.parts:
        if columns is not None and part.extractor.column not in columns:
            yield f"features: {part.name} need the column {part.extractor.column}; {plan.reader} has none"


def _of_protocol(plan: Plan) -> Iterator[str]:
    # rows chosen by `only` may all have a column that others of the corpus lack: the utterance table shows it
    columns = None if plan.recipe.only else offered(plan.reader)
    if columns is None:
        return
    # deferred, as in `offered`
    from tasks.corpora.readers import registry

    depends = registry.corpus(plan.reader).depends
    if not (lacking := [name for name in plan.protocol.needed if name not in columns | depends]):
        return
    possible = [form for kind, form in protocols.FORMS.items() if set(protocols.Protocol(kind).needed) <= columns]
    yield (
        f"protocol: {plan.protocol.name} needs the {' and '.join(lacking)} of every utterance, and "
        f"{plan.reader} states none; possible here: {', '.join(possible)}"
    )


def _of_model(plan: Plan) -> Iterator[str]:
    model, task = plan.model, plan.task
    if task not in model.tasks:
        able = ", ".join(other.name for other in _models() if task in other.tasks)
        yield f"model: {model.name} cannot learn the target {plan.recipe.target}; able are {able}"
    for part in plan.parts:
        kind = part.extractor.gives
        if kind not in model.takes:
            able = ", ".join(other.name for other in _models() if kind in other.takes)
            yield (
                f"features: {part.name} ({part.extractor.name}) give a {kind} per utterance, and {model.name} takes "
                f"{' or '.join(sorted(model.takes))}; able are {able}"
            )
    for point in range(len(plan.points)):
        plan.settings(point)


def _of_balance(plan: Plan) -> Iterator[str]:
    balance = plan.balance
    if balance.way == "as they are":
        return
    if plan.task != "classes":
        yield f"balance: {balance.name} needs classes; the target is {plan.recipe.target}"
    kinds = {part.extractor.gives for part in plan.parts}
    if balance.way == "new rows" and (kinds != {"vector"} or plan.model.builds_on):
        yield (
            f"balance: {balance.name} interpolates rows: that needs vectors, and a model that reads nothing else; "
            "use class-weights, random-over, random-under or first-n(N)"
        )


def _of_tuning(plan: Plan) -> Iterator[str]:
    tune = plan.recipe.tune
    if tune is None:
        return
    if tune.folds == 1:
        yield "tune.folds: 1 leaves nothing to judge by; use 2 or more, or 0 for development rows"
    if (tune.by in _ERRORS) != (plan.task == "values"):
        by = " or ".join(_ERRORS) if plan.task == "values" else "uar, macro_f1, weighted_f1 or accuracy"
        yield f"tune.by: {tune.by} cannot judge the target {plan.recipe.target}; use {by}"


def _of_windows(plan: Plan) -> Iterator[str]:
    recipe, task, windows = plan.recipe, plan.task, plan.recipe.windows
    if recipe.threshold != 0.5 and task != "labels":
        bounds = " and ".join(map(str, PRESENT_ABOVE.values()))
        both = f", which is scored at {bounds}" if recipe.target == INTENSITIES else ""
        yield f"threshold: it needs several labels at once; the target is {recipe.target}{both}"
    if windows is None:
        if recipe.clips is not None:
            yield "clips: it pools the scores of windows, and the recipe has no windows"
        return
    for part in plan.parts:
        if part.extractor.gives != "sequence" or not hasattr(part.settings, "step_s"):
            yield f"windows: they need sequences with a fixed step; {part.name} ({part.extractor.name}) are not"
        elif min(windows.length_s, windows.hop_s) < part.settings.step_s:
            yield (
                f"windows: {windows.length_s} s every {windows.hop_s} s; {part.name} have a step every "
                f"{part.settings.step_s:g} s, and neither may be shorter"
            )
    clips = recipe.clips or Clips()
    if (clips.by == "vote" or clips.floor) and task != "classes":
        yield f"clips: votes and a floor need classes; the target is {recipe.target}"
    if clips.floor and not plan.model.probabilities:
        yield f"clips.floor: it is a probability, and {plan.model.name} gives none"


def _of_missing(plan: Plan) -> Iterator[str]:
    if plan.recipe.missing == "left-out":
        return
    if not plan.model.lacking:
        able = ", ".join(other.name for other in _models() if other.lacking)
        yield f"missing: {plan.model.name} needs all features of every utterance; models that do not: {able}"
    if plan.recipe.windows is not None:
        yield "missing: missing features cannot be cut into windows; use left-out"
    if plan.balance.way == "new rows":
        yield (
            f"balance: {plan.balance.name} interpolates rows, which must have all features; use missing: left-out, or "
            "another balancing method"
        )


def _of_together(plan: Plan) -> Iterator[str]:
    features = plan.recipe.features
    for name, blocks in getattr(plan.settings(0), "together", {}).items():
        for block in blocks:
            yield from _unknown(block, features, "model.together: the recipe has no features")
        if name in set(features) - set(blocks):
            yield f"model.together: {name} is the name of other features; call it differently"


def _of_adapt(plan: Plan) -> Iterator[str]:
    if plan.recipe.adapt is None:
        return
    columns = None if plan.recipe.only else offered(plan.reader)
    if columns is not None and "speaker" not in columns:
        yield f"adapt: it needs the speaker of every utterance, and {plan.reader} states none; remove adapt"
    if plan.task != "classes":
        yield f"adapt: it needs classes; the target is {plan.recipe.target}"
    if not adaptation.blocks(plan):
        gives = ", ".join(
            f"{part.name} gives a {part.extractor.gives} of {part.extractor.reads}" for part in plan.parts
        )
        yield f"adapt: it needs features that give a vector of sound, such as functionals; found {gives}"
    if plan.recipe.windows is not None or plan.recipe.missing == "kept":
        yield "adapt: it works with neither windows nor missing: kept; remove one of them"
    if plan.recipe.branches_see == "everything":
        yield "adapt: it does not work with branches_see: everything, which shows test rows to the model; remove one"


def _models() -> list[Model]:
    return [models.model(name) for name in models.names()]


def _unknown(name: str, allowed: Iterable[str], what: str) -> Iterator[str]:
    names = list(allowed)
    if name not in names:
        yield f"{what} {name!r}; {guess(name, names)}There are {', '.join(names)}"
