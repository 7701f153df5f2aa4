"""docs/fidelity.md agrees with the recipe book: its settings are the book's, and those of source recipes have a row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ruamel.yaml import YAML

from tasks.core.config import Experiment
from tasks.experiments import recipe_book
from tasks.features.base.registry import extractor
from tasks.models.base.registry import model

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "fidelity.md").read_text(encoding="utf-8")
SYSTEMS = {
    "weak": "interviews",
    "meld-text-audio": "meld-text-audio",
    "iemocap-fusion": "iemocap-fusion",
    "meld-trimodal": "meld-trimodal",
    "ser-bench": "ser-bench",
}
"""Document → its system in the recipe book."""
_SETTING = re.compile(r"`(?P<name>[^`:]+): (?P<path>[a-z_0-9.]+) = (?P<value>[^`]+)`")
_FILE = re.compile(r"`((?:tasks|flows|bench|data|docs|tests)/[^`]+)`")
_IDENTITY = {"corpus", "target", "features", "note", "seeds"}


class Setting(NamedTuple):
    """A setting in the table: name of a recipe or feature set (with wildcards), path in its entry, value."""

    name: str
    path: str
    value: Any


class Settings(NamedTuple):
    """Defaults of an entry of `features`."""

    settings: Any


_UNSET = object()


def rows(document: str) -> list[list[str]]:
    """Return the cells of a document's table, without its head."""
    section = PAGE.split(f"\n## {document}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


@cache
def settings(document: str) -> tuple[Setting, ...]:
    """Return the settings in a document's table."""
    yaml = YAML(typ="safe")
    return tuple(
        Setting(match["name"], match["path"], yaml.load(match["value"]))
        for row in rows(document)
        for match in _SETTING.finditer(row[2])
    )


def book(document: str) -> dict[str, dict[str, Any]]:
    """Return a system's recipes and feature sets by name; both kinds of names never coincide."""
    system = SYSTEMS[document]
    entries: dict[str, dict[str, Any]] = {}
    for recipe in recipe_book.recipes(system):
        features, experiments = recipe_book.entries(system, recipe, "CORPUS")
        entries |= features | {recipe: experiments[f"CORPUS-{recipe}"]}
    return entries


def value_at(entry: Mapping[str, Any], path: str) -> Any:
    """Return a setting of an entry, or the default of the recipe, model or extractor."""
    value: Any = entry
    default: Any = Settings(extractor(entry["extractor"]).settings()) if "extractor" in entry else _recipe(entry)
    for key in path.split("."):
        if isinstance(value, Mapping) and "name" in value:
            default = model(value["name"]).settings()
        value = value.get(key, _UNSET) if isinstance(value, Mapping) else _UNSET
        default = default.get(key, _UNSET) if isinstance(default, Mapping) else getattr(default, key, _UNSET)
    value = default if value is _UNSET else value
    return list(value) if isinstance(value, tuple) else value


def _recipe(entry: Mapping[str, Any]) -> Experiment:
    return Experiment.model_validate(dict(entry))


def leaves(entry: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the paths of all values that an entry sets."""
    for key, value in entry.items():
        # a map of labels is a single setting
        if isinstance(value, Mapping) and key != "labels":
            yield from leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}"


def covered(document: str, name: str, path: str) -> bool:
    """Return whether a row states a setting, or the whole that it is part of."""
    return any(
        fnmatchcase(name, setting.name) and f"{path}.".startswith(f"{setting.path}.") for setting in settings(document)
    )


@pytest.mark.parametrize("document", SYSTEMS)
def test_settings_in_the_table_are_those_of_the_book(document: str) -> None:
    entries = book(document)
    mistakes = []
    for setting in settings(document):
        names = [name for name in entries if fnmatchcase(name, setting.name)]
        if not names:
            mistakes.append(f"{setting.name}: no such recipe or feature set")
        for name in names:
            value = value_at(entries[name], setting.path)
            if value is _UNSET:
                mistakes.append(f"{name}: no setting {setting.path}")
            elif value != setting.value:
                mistakes.append(f"{name}: {setting.path} is {value!r}, the table has {setting.value!r}")
    assert mistakes == []


@pytest.mark.parametrize("document", SYSTEMS)
def test_every_setting_of_a_source_recipe_has_a_row(document: str) -> None:
    entries = book(document)
    recipes = {name: entry for name, entry in entries.items() if "model" in entry}
    sources = {name: entry for name, entry in recipes.items() if name == "source" or name.startswith("source-")}
    assert sources
    missing = [
        f"{name}: {path}"
        for name, entry in sources.items()
        for path in leaves({key: value for key, value in entry.items() if key not in _IDENTITY})
        if not covered(document, name, path)
    ]
    shared = {used for name, entry in recipes.items() if name not in sources for used in entry["features"]}
    for used in sorted({used for entry in sources.values() for used in entry["features"]} - shared):
        paths = leaves({"settings": entries[used].get("settings", {})})
        missing += [f"{used}: {path}" for path in paths if not covered(document, used, path)]
    assert missing == []


@pytest.mark.parametrize("document", SYSTEMS)
def test_the_table_is_whole(document: str) -> None:
    table = rows(document)
    assert table
    assert [row for row in table if len(row) != 4 or not all(row)] == []
    files = [path for row in table for path in _FILE.findall(row[2])]
    assert files
    assert [path for path in files if not (ROOT / path).exists()] == []
