"""Variants of a recipe with other pretrained models: those of a folder, or small ones with random weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from tasks.core.config import Config, Experiment, Extraction
from tasks.core.errors import InputError
from tasks.experiments import plan
from tasks.experiments.checkpoint_uses import CheckpointUse
from tasks.experiments.plan import Plan
from tasks.features.base import checkpoints

Sections = dict[str, dict[str, Any]]
_SMALLER: Mapping[str, Any] = {
    "epochs": 1,
    "patience": 0,
    "head_epochs": 0,
    "second_learning_rate": 0.0,
    "find_learning_rate": False,
    "blocks": [1, 1],
    "growth": 8,
    "layer": -1,
    "own_layers": [-1],
    "neighbour_layers": [-1],
    "trained_layers": 1,
    "members": 1,
}
"""Settings around a small pretrained model, where its owner has them: they make a trial short."""


def with_entries(config: Config, features: Mapping[str, Any], experiments: Mapping[str, Any]) -> Config:
    """Return settings with these feature sets besides the others, and with these experiments alone.

    Args:
        config: all settings
        features: name → entry
        experiments: name → entry
    """
    extractions = {name: Extraction.model_validate(entry) for name, entry in features.items()}
    recipes = {name: Experiment.model_validate(entry) for name, entry in experiments.items()}
    return config.model_copy(update={"features": {**config.features, **extractions}, "experiments": recipes})


def variant(recipe: Plan, folders: Sequence[str] = (), *, tiny: bool = False, shared: Collection[str] = ()) -> Sections:
    """Return a recipe's sections of params.yaml, with other pretrained models.

    Args:
        recipe: to change
        folders: of pretrained models, or files of weights for image networks: each replaces those of its kind
        shared: feature sets that other recipes may read: changed ones get a name of their own
        tiny: whether the recipe becomes NAME-tiny, with small models of random weights; one without pretrained models
            stays as it is

    Returns:
        sections `features` and `experiments`

    Raises:
        InputError: if a folder is missing or incomplete, or the recipe has no pretrained model of its kind
    """
    for folder in folders:
        sections = _with_checkpoint(recipe, folder, shared)
        recipe = plan.plan(recipe.name, with_entries(recipe.config, **sections))
    if tiny and recipe.checkpoints:
        return _changed(recipe, f"{recipe.name}-tiny", "tiny", recipe.recipe.features, _tiny)
    return _changed(recipe, recipe.name, "", (), lambda _: {})


def _tiny(use: CheckpointUse) -> dict[str, Any]:
    families = {"text": "roberta", "speech": "whisper"}
    family = families.get(use.kind, "")
    kind = family if family and family in use.checkpoint.lower() else use.kind
    possible = {field.name for field in fields(use.settings)}
    return {"checkpoint": f"tiny:{kind}", **{key: value for key, value in _SMALLER.items() if key in possible}}


def _with_checkpoint(recipe: Plan, path: str, shared: Collection[str]) -> Sections:
    kind = checkpoints.kind_of(path)
    kinds = {kind, "network"} if kind == "image" else {kind}
    if not any(use.kind in kinds for use in recipe.checkpoint_uses):
        uses = ", ".join(f"{use.checkpoint} ({use.kind}, {use.place})" for use in recipe.checkpoint_uses) or "none"
        raise InputError(f"--checkpoint {path} is of the kind {kind}; pretrained models of {recipe.name}: {uses}")
    stem = re.sub(r"[^a-z0-9]+", "-", Path(path).expanduser().resolve().stem.lower()).strip("-") or "own"
    return _changed(recipe, recipe.name, stem, shared, lambda use: {"checkpoint": path} if use.kind in kinds else {})


def _changed(
    recipe: Plan,
    name: str,
    suffix: str,
    shared: Collection[str],
    change: Callable[[CheckpointUse], Mapping[str, Any]],
) -> Sections:
    features = {part.name: recipe.config.features[part.name].model_dump(exclude_unset=True) for part in recipe.parts}
    sections: Sections = {
        "features": features,
        "experiments": {recipe.name: recipe.recipe.model_dump(exclude_unset=True)},
    }
    names = dict[str, str]()
    for use in recipe.checkpoint_uses:
        if not (values := change(use)):
            continue
        node: Any = sections
        section, owner, *keys = use.place.split(".")[:-1]
        for key in (section, owner, *keys):
            node = node.setdefault(key, {})
        node.update(values)
        if section == "features" and owner in shared and not owner.endswith(f"-{suffix}"):
            names[owner] = f"{owner}-{suffix}"
    return {
        "features": {names.get(key, key): entry for key, entry in features.items()},
        "experiments": {name: _renamed(sections["experiments"][recipe.name], names)},
    }


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Return nested settings with feature sets renamed, wherever they are keys or values."""
    if isinstance(value, dict):
        return {names.get(key, key): _renamed(entry, names) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(entry, names) for entry in value]
    return names.get(value, value) if isinstance(value, str) else value
