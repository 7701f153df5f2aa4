"""Recipes of published systems, to be written into params.yaml for one of its corpora.

Each file holds sections `features` and `experiments` of params.yaml, in which CORPUS stands for the corpus's name, and
four keys about them: `title`; `readers`, `minutes` and `published`: pattern of a recipe's name → the reader whose
corpora it is for (`any`), measured or estimated minutes on one core, and the score that its source reports. The first
pattern that matches counts. A section `models` may hold settings that several recipes share, as anchors of YAML.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

from tasks.core.errors import InputError

PLACEHOLDER = "CORPUS"
ANY = "any"
"""Reader of recipes for every corpus with the columns that they need."""


@dataclass(frozen=True)
class StockRecipe:
    """A recipe of the book.

    Args:
        system: the published system it belongs to
        name: of the recipe
        title: what it is
        reader: name of the reader whose corpora it is for, or `ANY`
        minutes: on one core, measured or estimated; 0 if neither was done
        published: the score that its source reports, or an empty text
        protocol: as in params.yaml
        declare: leaks that it accepts
    """

    system: str
    name: str
    title: str
    reader: str
    minutes: float
    published: str
    protocol: str
    declare: tuple[str, ...]


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


def recipes_for(system: str, reader: str) -> tuple[str, ...]:
    """Return the recipes of a system for a reader's corpora: its own and those for any; all if there are none.

    Args:
        system: its name
        reader: of the corpus
    """
    all_names = recipes(system)
    return tuple(name for name in all_names if stock(system, name).reader in (ANY, reader)) or all_names


def stock(system: str, recipe: str) -> StockRecipe:
    """Return what the book says about a recipe.

    Args:
        system: such as `meld-text-audio`
        recipe: one of its recipes

    Raises:
        InputError: if there is no such system or recipe
    """
    sections, entry = _sections(system), _recipe(system, recipe)

    def first(key: str, default: Any) -> Any:
        return next(
            (value for pattern, value in sections.get(key, {}).items() if fnmatchcase(recipe, pattern)), default
        )

    declare = tuple(entry.get("declare", ()))
    return StockRecipe(
        system,
        recipe,
        entry.get("note", ""),
        first("readers", ANY),
        first("minutes", 0.0),
        first("published", ""),
        entry["protocol"],
        declare,
    )


@cache
def all_recipes() -> tuple[StockRecipe, ...]:
    """Return all recipes, system by system."""
    return tuple(stock(system, recipe) for system in systems() for recipe in recipes(system))


def reported(experiment: str, corpus: str, reader: str) -> StockRecipe | None:
    """Return the recipe with a published score that an experiment comes from; None if the book has none.

    Args:
        experiment: name of the experiment; a recipe of the book keeps its name behind that of the corpus, and its
            variant with small models is called NAME-tiny
        corpus: name of its corpus
        reader: of that corpus
    """
    name = experiment.removesuffix("-tiny")
    candidates = (
        recipe for recipe in all_recipes() if name == f"{corpus}-{recipe.name}" and recipe.reader in (ANY, reader)
    )
    return next((recipe for recipe in candidates if recipe.published), None)


def title(system: str) -> str:
    """Return what a system is, in one line.

    Args:
        system: such as `meld-text-audio`
    """
    return str(_sections(system)["title"])


def convention(reader: str) -> tuple[str, tuple[str, ...]] | None:
    """Return the protocol that most recipes for a reader's corpora have, and the leaks that they declare under it.

    Args:
        reader: its name

    Returns:
        None if the book has no recipe for it under a sound protocol
    """
    usual = Counter(
        (recipe.protocol, recipe.declare)
        for recipe in all_recipes()
        if recipe.reader == reader and not recipe.protocol.startswith(("random", "fixed"))
    )
    return usual.most_common(1)[0][0] if usual else None


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
    entry = _for_corpus(_recipe(system, recipe), corpus)
    features = _for_corpus(sections["features"], corpus)
    return {name: features[name] for name in entry["features"]}, {f"{corpus}-{recipe}": entry}


def _recipe(system: str, recipe: str) -> Mapping[str, Any]:
    experiments: Mapping[str, Mapping[str, Any]] = _sections(system)["experiments"]
    if recipe not in experiments:
        raise InputError(f"{system} has no recipe {recipe!r}; it has {', '.join(experiments)}")
    return experiments[recipe]


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
