"""Three-way merge of YAML documents: a user's edits are applied to a newer version of the file they were made in.

The merge compares values, not lines. Mappings are merged key by key, and so are lists whose items have names, such as
the inputs of a stage: an added output and a shorter list of code inputs do not conflict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_ABSENT: Any = object()
_FREE_TEXT = ("desc", "description")
"""Keys without effect on results: where both versions changed one, the user's text stays."""
_LONGEST = 100


@dataclass(frozen=True)
class Merge:
    """The result of a merge.

    Args:
        document: the new version with the user's edits; without those that conflict
        edits: the user's edits, one line each
        conflicts: places that both changed, with the three values; three or more lines each
    """

    document: Any
    edits: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)


def merge(base: Any, mine: Any, shipped: Any) -> Merge:
    """Merge two versions of a YAML document.

    Args:
        base: the version that both come from
        mine: the user's version
        shipped: the new version, as a ruamel round-trip document; it is changed in place, so that its comments stay

    Returns:
        the merged document, and what was merged
    """
    result = Merge(shipped)
    _merge_mappings(result, (), base, mine, shipped)
    return result


def _merge_mappings(
    result: Merge, place: tuple[str, ...], base: Mapping[str, Any], mine: Mapping[str, Any], shipped: Any
) -> None:
    """Apply the user's edits to a mapping of the new version, in place."""
    for key in [*shipped, *(key for key in mine if key not in shipped)]:
        old = shipped.get(key, _ABSENT)
        new = _merged(result, (*place, str(key)), base.get(key, _ABSENT), mine.get(key, _ABSENT), old)
        if new is _ABSENT:
            shipped.pop(key, None)
        elif old is _ABSENT:
            shipped.insert(_position(key, list(mine), list(shipped)), key, new)
        elif new is not old:
            shipped[key] = new


def _merged(result: Merge, place: tuple[str, ...], base: Any, mine: Any, shipped: Any) -> Any:
    """Return the merged value at one place, or `_ABSENT` where there is none."""
    if _same(mine, shipped) or _same(mine, base):
        return shipped
    if isinstance(mine, Mapping) and isinstance(shipped, Mapping):
        _merge_mappings(result, place, base if isinstance(base, Mapping) else {}, mine, shipped)
        return shipped
    if (items := _by_name(mine)) is not None and _by_name(shipped) is not None:
        _merge_lists(result, place, base, items, shipped)
        return shipped
    removed_stage = mine is _ABSENT and len(place) == 2 and place[0] == "stages"
    if _same(shipped, base) or removed_stage or place[-1] in _FREE_TEXT:
        result.edits.append(f"{'.'.join(place)}: {_change(base, mine)}")
        return mine
    versions = (("made from", base), ("yours", mine), ("shipped now", shipped))
    lines = [".".join(place), *(f"  {version:<12} {_short(value)}" for version, value in versions)]
    result.conflicts.append("\n".join(lines))
    return shipped


def _merge_lists(result: Merge, place: tuple[str, ...], base: Any, mine: dict[str, Any], shipped: Any) -> None:
    """Apply the user's edits to a list of the new version, in place; theirs is given by name."""
    base_items, shipped_items = _by_name(base) or {}, _by_name(shipped) or {}
    names = list(shipped_items)
    for name in [*shipped_items, *(name for name in mine if name not in shipped_items)]:
        old = shipped_items.get(name, _ABSENT)
        new = _merged(result, (*place, name), base_items.get(name, _ABSENT), mine.get(name, _ABSENT), old)
        if new is old:
            continue
        if old is _ABSENT:
            index = _position(name, list(mine), names)
            names.insert(index, name)
            shipped.insert(index, _item(name, new))
        elif new is _ABSENT:
            del shipped[names.index(name)]
            names.remove(name)
        else:
            shipped[names.index(name)] = _item(name, new)


def _by_name(value: Any) -> dict[str, Any] | None:
    """Return the items of a list by name, or None if it is no list or its items have no distinct names.

    The name is the item itself, its only key (`data/x: {cache: false}`), or its value of `name`.
    """
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    items: dict[str, Any] = {}
    for item in value:
        if isinstance(item, Mapping) and "name" in item:
            name, content = str(item["name"]), item
        elif isinstance(item, Mapping) and len(item) == 1:
            ((name, content),) = item.items()
        elif isinstance(item, str):
            name, content = str(item), None
        else:
            return None
        items[name] = content
    return items if len(items) == len(value) else None


def _item(name: str, content: Any) -> Any:
    if content is None or (isinstance(content, Mapping) and content.get("name") == name):
        return name if content is None else content
    return {name: content}


def _position(name: str, mine: list[str], shipped: list[str]) -> int:
    """Return where to insert an item of the user's: before the next item that the new version has too."""
    after = mine[mine.index(name) + 1 :]
    return next((shipped.index(other) for other in after if other in shipped), len(shipped))


def _same(first: Any, second: Any) -> bool:
    return first is second or (first is not _ABSENT and second is not _ABSENT and bool(first == second))


def _change(base: Any, mine: Any) -> str:
    if mine is _ABSENT:
        return "removed"
    if base is _ABSENT:
        return "added" if mine is None or isinstance(mine, Mapping | list) else f"added, {_short(mine)}"
    return f"{_short(mine)} instead of {_short(base)}"


def _short(value: Any) -> str:
    if value is _ABSENT:
        return "(absent)"
    if value is None:
        return "(nothing set)"
    text = str(_plain(value))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 2]} …"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, list) else value
