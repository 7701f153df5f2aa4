"""Published systems as recipes, ready to be written into params.yaml for a corpus that is at hand.

A file of the book is a piece of params.yaml, `features:` and `experiments:`, in which the corpus is called CORPUS.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from tasks.core.errors import InputError

PLACEHOLDER = "CORPUS"


def systems() -> tuple[str, ...]:
    """Return the names of the systems in the book."""
    found = (entry.name for entry in files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml")))


def recipes(system: str) -> tuple[str, ...]:
    """Return the names of a system's recipes.

    Raises:
        InputError: if there is no such system
    """
    return tuple(_pages(system)["experiments"])


def entries(system: str, recipe: str, corpus: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a recipe needs in params.yaml, for a corpus.

    Args:
        system: such as `meld-text-audio`
        recipe: one of its recipes
        corpus: a name under `corpora`

    Returns:
        entries of `features`, and entries of `experiments`: the recipe's own, under its name

    Raises:
        InputError: if there is no such system or recipe
    """
    pages = _pages(system)
    if recipe not in pages["experiments"]:
        raise InputError(f"{system} has no recipe {recipe!r}; it has {', '.join(pages['experiments'])}")
    entry = _named(pages["experiments"][recipe], corpus)
    features = {_name(one, corpus): _named(page, corpus) for one, page in pages["features"].items()}
    return {one: features[one] for one in entry["features"]}, {f"{corpus}-{recipe}": entry}


@cache
def _pages(system: str) -> Mapping[str, Any]:
    from ruamel.yaml import YAML

    page = files(__name__) / f"{system}.yaml"
    if system not in systems():
        raise InputError(f"the book has no system {system!r}; it has {', '.join(systems())}")
    found: Mapping[str, Any] = YAML(typ="safe").load(page.read_text(encoding="utf-8"))
    return found


def _named(value: Any, corpus: str) -> Any:
    if isinstance(value, dict):
        return {_name(key, corpus): _named(one, corpus) for key, one in value.items()}
    if isinstance(value, list):
        return [_named(one, corpus) for one in value]
    return _name(value, corpus) if isinstance(value, str) else value


def _name(text: str, corpus: str) -> str:
    return text.replace(PLACEHOLDER, corpus)
