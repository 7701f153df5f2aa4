"""Recipes of published systems, to be written into params.yaml for one of its corpora.

Each file holds sections `features` and `experiments` of params.yaml, in which CORPUS stands for the corpus's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from tasks.core.errors import InputError

PLACEHOLDER = "CORPUS"


def systems() -> tuple[str, ...]:
    """Return the names of the systems."""
    names = (entry.name for entry in files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))


def recipes(system: str) -> tuple[str, ...]:
    """Return the names of a system's recipes.

    Args:
        system: such as `meld-text-audio`

    Raises:
        InputError: if there is no such system
    """
    return tuple(_sections(system)["experiments"])


def entries(system: str, recipe: str, corpus: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a recipe's entries in params.yaml, for a corpus.

    Args:
        system: such as `meld-text-audio`
        recipe: one of its recipes
        corpus: a name under `corpora`

    Returns:
        entries of `features`, and the entry of `experiments` under its name

    Raises:
        InputError: if there is no such system or recipe
    """
    sections = _sections(system)
    if recipe not in sections["experiments"]:
        raise InputError(f"{system} has no recipe {recipe!r}; it has {', '.join(sections['experiments'])}")
    entry = _for_corpus(sections["experiments"][recipe], corpus)
    features = _for_corpus(sections["features"], corpus)
    return {name: features[name] for name in entry["features"]}, {f"{corpus}-{recipe}": entry}


@cache
def _sections(system: str) -> Mapping[str, Any]:
    from ruamel.yaml import YAML

    if system not in systems():
        raise InputError(f"found the system {system!r}; expected one of {', '.join(systems())}")
    text = (files(__name__) / f"{system}.yaml").read_text(encoding="utf-8")
    sections: Mapping[str, Any] = YAML(typ="safe").load(text)
    return sections


def _for_corpus(value: Any, corpus: str) -> Any:
    """Replace the placeholder by a corpus's name in all keys and values."""
    if isinstance(value, dict):
        return {_for_corpus(key, corpus): _for_corpus(entry, corpus) for key, entry in value.items()}
    if isinstance(value, list):
        return [_for_corpus(entry, corpus) for entry in value]
    return value.replace(PLACEHOLDER, corpus) if isinstance(value, str) else value
