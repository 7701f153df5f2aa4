"""New, removed and changed parameters: params.yaml belongs to the user, who gets new keys and keeps every value.

Keys are compared two levels deep (`crawl.proxy`). New lines are copied from the shipped file with their comments; all
other lines stay as they are, byte for byte. Entries of `corpora`, `features` and `experiments`, and of sections that
are shipped empty, are the user's: they get those that a new version ships, and are not compared.

Up to version 0.1.0 the classifier of interviews had sections of its own. Their values move into its recipe.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

Key = tuple[str, ...]
_ENTRIES = ("corpora", "features", "experiments")
_RECIPE, _FEATURES = ("experiments", "interviews-source"), ("features", "interviews-mid-term")
_EMPTY = re.compile(r"(?P<name>[\w-]+:)(?P<space> *)(?:\{ *\})?(?P<rest> *(?:#.*)?\n?)")


def _same(value: Any) -> Any:
    return value


_MOVED: Mapping[Key, tuple[Key, Callable[[Any], Any]]] = {
    ("train", "c_grid"): ((*_RECIPE, "tune", "grid", "c"), lambda values: sorted(values, key=float)),
    ("train", "inner_folds"): ((*_RECIPE, "tune", "folds"), _same),
    ("train", "outer_folds"): ((*_RECIPE, "calibration_folds"), _same),
    ("train", "smote_neighbours"): ((*_RECIPE, "balance"), lambda n: "smote" if n == 5 else f"smote({n})"),
    ("train", "seed"): ((*_RECIPE, "seeds"), lambda seed: [seed]),
    ("evaluate", "shuffles"): ((*_RECIPE, "shuffles"), _same),
    **{
        ("acoustic", name): ((*_FEATURES, "settings", name), _same)
        for name in ("short_window_s", "short_step_s", "mid_window_s", "mid_step_s", "backend")
    },
}
"""Parameter of an earlier version → its place in a recipe, and the conversion of its value."""


@dataclass
class Update:
    """A params.yaml for the new version.

    Args:
        text: its new content
        notes: what changed and what the user has to do, one line each
    """

    text: str
    notes: list[str] = field(default_factory=list)


def update(mine: str, base: str | None, shipped: str) -> Update:
    """Add what a params.yaml lacks, and remove what no longer exists and was never changed.

    Args:
        mine: the project's params.yaml
        base: the shipped one that the project was made from, or None
        shipped: the one of this version

    Returns:
        the new text; `mine` itself where it is no valid YAML, which whoever loads it reports
    """
    from ruamel.yaml.error import YAMLError

    try:
        documents = [_load(text) for text in (mine, base or shipped, shipped)]
    except (YAMLError, NotImplementedError):
        # ruamel gives up on some layouts of comments
        return Update(mine)
    result = Update(mine)
    if not isinstance(documents[0], Mapping):
        return result
    of_the_user = {section for document in documents[1:] for section, entries in document.items() if entries == {}}
    of_the_user |= set(_ENTRIES)
    values, old, new = (dict(_leaves(document, of_the_user)) for document in documents)
    entries = _new_entries(*documents)
    moved = {key: place for key, (place, _) in _MOVED.items() if key in values and place[:2] in entries}
    moved = {key: place for key, place in moved.items() if key not in new and _is_own(documents[0], key)}
    shipped = _with_values(shipped, {key: values[key] for key in moved})
    _add(result, [key for key in new if key not in values], shipped)
    _add_entries(result, entries, shipped)
    _remove(result, list(moved), lambda key: f"{'.'.join(key)} ({values[key]!r}) is now {'.'.join(moved[key])}")
    obsolete = [key for key in values if key in old and key not in new and key not in moved]
    removable = [key for key in obsolete if values[key] == old[key] and _is_own(documents[0], key)]
    _remove(result, removable, lambda key: f"removed {'.'.join(key)}, which no longer exists in this version")
    result.notes += [
        f"params.yaml: {'.'.join(key)} ({values[key]!r}) no longer exists in this version; remove it from the file"
        for key in obsolete
        if key not in removable
    ]
    result.notes += [
        f"params.yaml: the default of {'.'.join(key)} is now {new[key]!r}; yours stays {value!r}"
        for key, value in values.items()
        if key in old and key in new and value == old[key] != new[key]
    ]
    return result


def _add(result: Update, keys: list[Key], shipped: str) -> None:
    """Insert parameters with their shipped lines."""
    document = _load(shipped)
    for key in keys:
        mine = _load(result.text)
        if key[0] not in mine:
            _insert_section(result, key[0], shipped)
        elif len(key) == 1 or not isinstance(mine[key[0]], Mapping | None):
            # of another kind than the shipped one: loading the settings reports it
            continue
        elif key[1] not in (mine[key[0]] or {}):
            _insert_entry(result, key, shipped)
        value = document[key[0]] if len(key) == 1 else document[key[0]][key[1]]
        result.notes.append(f"params.yaml: added {'.'.join(key)} with its default, {_plain(value)!r}")


def _new_entries(mine: Mapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Key]:
    """Return the entries that this version ships and the earlier one did not, unless the user has them."""
    return [
        (section, str(name))
        for section in _ENTRIES
        for name in new.get(section) or {}
        if name not in (old.get(section) or {}) and name not in (mine.get(section) or {})
    ]


def _with_values(shipped: str, values: Mapping[Key, Any]) -> str:
    """Return the shipped file with a user's values in the places that parameters moved to."""
    if not values:
        return shipped
    document = _load(shipped)
    for key, value in values.items():
        place, converted = _MOVED[key]
        node = document
        for name in place[:-1]:
            node = node[name]
        try:
            new = converted(value)
        except (TypeError, ValueError):
            # loading the settings reports it
            new = value
        if isinstance(new, list) and isinstance(node[place[-1]], list):
            # the list itself knows that it is written in one line
            node[place[-1]][:] = new
        else:
            node[place[-1]] = new
    return _dump(document)


def _add_entries(result: Update, entries: list[Key], shipped: str) -> None:
    for key in entries:
        mine = _load(result.text)
        if not isinstance(mine.get(key[0]), Mapping | None):
            continue
        if key[1] not in (mine.get(key[0]) or {}):
            _insert_entry(result, key, shipped)
        result.notes.append(f"params.yaml: added {'.'.join(key)}")


def _insert_section(result: Update, section: str, shipped: str) -> None:
    source, target = _Lines(shipped), _Lines(result.text)
    names = list(source.document)
    before = [name for name in names[: names.index(section)] if name in _own(target.document)]
    start, end = source.block((section,))
    lines = [_ended(line) for line in source.lines[start:end]]
    if before:
        place = target.block((before[-1],))[1]
        target.lines[place - 1 : place] = [_ended(target.lines[place - 1])]
        target.lines[place:place] = ["\n", *lines]
    else:
        target.lines += ["\n", *lines]
    result.text = "".join(target.lines)


def _insert_entry(result: Update, key: Key, shipped: str) -> None:
    """Insert a parameter after the one that precedes it in the shipped file."""
    source, target = _Lines(shipped), _Lines(result.text)
    section, name = key
    mine: Any = target.document[section]
    expected = _plain(target.document)
    expected[section] = {**(expected[section] or {}), name: _plain(source.document[section][name])}
    own = _own(mine) if mine else []
    if own and section in _own(target.document) and not mine.fa.flow_style():
        names = list(source.document[section])
        before = [other for other in names[: names.index(name)] if other in own]
        start, end = source.block(key)
        column = mine.lc.key(own[0])[1]
        lines = [_ended(" " * column + line[_indent(source.lines[start]) :]) for line in source.lines[start:end]]
        place = target.block((section, before[-1]))[1] if before else mine.lc.key(own[0])[0]
        target.lines[place - 1 : place] = [_ended(target.lines[place - 1])]
        target.lines[place:place] = lines
        text = "".join(target.lines)
        if _plain(_load(text)) == expected:
            result.text = text
            return
    if not own and section in _own(target.document):
        line = target.document.lc.key(section)[0]
        if empty := _EMPTY.fullmatch(target.lines[line]):
            start, end = source.block(key)
            # as wide as braces, so that comments stay aligned
            target.lines[line] = _ended(f"{empty['name']}{empty['space']}  {empty['rest'].rstrip()}".rstrip())
            target.lines[line + 1 : line + 1] = [_ended(text) for text in source.lines[start:end]]
            text = "".join(target.lines)
            if _plain(_load(text)) == expected:
                result.text = text
                return
    # a section in braces has no line to insert after
    document = target.document
    document[section] = {**(mine or {}), name: source.document[section][name]}
    result.text = _dump(document)


def _remove(result: Update, keys: list[Key], reason: Callable[[Key], str]) -> None:
    """Remove parameters that no longer exist, and sections that are empty then."""
    for key in keys:
        target = _Lines(result.text)
        expected = _plain(target.document)
        section = expected if len(key) == 1 else expected[key[0]]
        del section[key[-1]]
        block = key
        if len(key) > 1 and not section:
            del expected[key[0]]
            block = key[:1]
        start, end = target.block(block)
        text = "".join([*target.lines[:start], *target.lines[end:]])
        if _plain(_load(text)) != expected:
            document = target.document
            del (document if len(block) == 1 else document[block[0]])[block[-1]]
            text = _dump(document)
        result.text = text
        result.notes.append(f"params.yaml: {reason(key)}")


class _Lines:
    """A YAML file as lines, with the place of each key."""

    def __init__(self, text: str) -> None:
        self.document = _load(text)
        self.lines = text.splitlines(keepends=True)

    def block(self, key: Key) -> tuple[int, int]:
        """Return the first line of a key with its value, and the line after the last."""
        node, end = self.document, len(self.lines)
        for name in key:
            starts = sorted(node.lc.key(other)[0] for other in _own(node))
            start = node.lc.key(name)[0]
            end = next((line for line in starts if line > start), end)
            node = node[name]
        # comments and blank lines before the next key belong to that key
        while end > start + 1 and self.lines[end - 1].strip()[:1] in ("", "#"):
            end -= 1
        return start, end


def _own(node: Any) -> list[str]:
    """Return the keys that are written in a mapping itself, and not merged into it with `<<`."""
    return [key for key in node if key in (node.lc.data or {})]


def _is_own(document: Any, key: Key) -> bool:
    return key[0] in _own(document) and (len(key) == 1 or key[1] in _own(document[key[0]]))


def _leaves(document: Mapping[str, Any], of_the_user: set[str]) -> Iterator[tuple[Key, Any]]:
    """Yield the parameters of a file with their values: `(section, name)`, or `(section,)` for one of the user's."""
    for section, entries in document.items():
        if isinstance(entries, Mapping) and section not in of_the_user:
            yield from (((str(section), str(name)), _plain(value)) for name, value in entries.items())
        else:
            yield (str(section),), None if section in of_the_user else _plain(entries)


def _load(text: str) -> Any:
    return _yaml().load(text)


def _dump(document: Any) -> str:
    sink = StringIO()
    _yaml().dump(document, sink)
    return sink.getvalue()


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width, yaml.preserve_quotes = 4096, True
    yaml.representer.add_representer(
        type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    return yaml


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _ended(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
