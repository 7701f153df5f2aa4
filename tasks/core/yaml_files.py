"""YAML files that people edit, read with limits on size, depth, aliases and numbers; an error names file and line.

The limits are checked on the parser's events, before anything is built: a file of a few bytes may stand for a document
of gigabytes (aliases of aliases), and a parser that calls itself ends in a traceback on thousands of brackets.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.core.errors import ConfigError

MAX_BYTES = 1 << 20
MAX_DEPTH = 50
MAX_VALUES = 100_000
"""Keys and values of a document with its aliases written out."""
MAX_ALIASES = 10_000
MAX_DIGITS = 30
_MAX_WHOLE = 2**63
_LONGEST_QUOTE = 60
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_BREAKS = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_PREFIX = "tag:yaml.org,2002:"
_MERGE_KEY = "<<"


@dataclass(frozen=True)
class Document:
    """A YAML document as plain values, with the line of each key and item.

    Args:
        content: dicts with text keys, lists, texts, numbers, True, False and None
        lines: id of a dict or list → its key or index → line, from 1
    """

    content: Any
    lines: Mapping[int, Mapping[str | int, int]] = field(repr=False)

    def line(self, location: Sequence[str | int]) -> int | None:
        """Return the line of a key or item, or of the innermost one around it that the document has.

        Args:
            location: keys and indices from the outermost
        """
        line, node = None, self.content
        for part in location:
            line_of = self.lines.get(id(node), {})
            if part not in line_of:
                break
            line, node = line_of[part], node[part]
        return line


def read(path: Path, *, typed: bool = True) -> Document:
    """Return the values of a YAML file.

    Args:
        path: the file
        typed: whether numbers, truth values and nulls become such; otherwise all of them stay text

    Raises:
        FileNotFoundError: if there is none
        ConfigError: as `parse`; or the file is too large, or not UTF-8
    """
    return parse(read_text(path), str(path), typed=typed)


def check(path: Path) -> None:
    """Check a YAML file that another program reads, such as DVC: its limits and its structure, but no value.

    Args:
        path: the file; a missing one is left to whoever reads it

    Raises:
        ConfigError: as `read`
    """
    if path.is_file():
        parse(read_text(path), str(path), typed=False)


def parse(text: str, name: str, *, typed: bool = True) -> Document:
    """Return the values of a YAML document.

    Args:
        text: the document
        name: of the file, for messages
        typed: whether numbers, truth values and nulls become such; otherwise all of them stay text

    Raises:
        ConfigError: if it is not valid YAML, exceeds a limit of this module, or holds control characters, a key or an
            anchor twice, several documents, a tag of a programming language, a date, or a number that is none (.inf,
            .nan); one line that names the file and the line in it
    """
    return _Builder(name, typed=typed).build(text)


def read_text(path: Path, name: str = "") -> str:
    """Return the text of a file of at most `MAX_BYTES`.

    Args:
        path: the file
        name: for messages; the path by default

    Raises:
        FileNotFoundError: if there is none
        ConfigError: if it is larger, or not UTF-8
    """
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{name or path}: larger than {MAX_BYTES:,} bytes, the limit for files of settings")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = len(_BREAKS.findall(content[: error.start].decode("utf-8", "replace"))) + 1
        raise ConfigError(
            f"{name or path}:{line}: byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8"
        ) from None


@dataclass
class _Open:
    """A mapping or sequence whose end has not been read."""

    content: dict[str, Any] | list[Any]
    line: int
    anchor: str | None
    lines: dict[str | int, int] = field(default_factory=dict)
    key: str | None = None
    merged: list[tuple[dict[str, Any], int]] = field(default_factory=list)
    values: int = 1


class _Builder:
    """Build a document from a parser's events, without recursion.

    Args:
        name: of the file, for messages
        typed: whether scalars become numbers, truth values and None; otherwise they stay text
    """

    def __init__(self, name: str, *, typed: bool) -> None:
        from ruamel.yaml import YAML

        self._name, self._typed, self._yaml = name, typed, YAML(typ="safe")
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._lines: dict[int, dict[str | int, int]] = {}
        self._tags: dict[str, str] = {}
        self._content: Any = None
        self._documents = self._aliases = self._values = 0

    def build(self, text: str) -> Document:
        """Return the document of a text; raise ConfigError as `parse` does."""
        if bad := _FORBIDDEN.search(text):
            line = len(_BREAKS.findall(text, 0, bad.start())) + 1
            raise self._error(line, _unwanted(bad[0]))
        for event in self._events(text):
            self._take(event)
        return Document(self._content, self._lines)

    def _events(self, text: str) -> Iterator[Any]:
        from ruamel.yaml.error import MarkedYAMLError, YAMLError

        try:
            yield from self._yaml.parse(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            context = f" {error.context}" if error.context else ""
            problem = " ".join(f"not valid YAML: {error.problem}{context}".split())
            # the end of a file that ends in a line break is after its last line
            last = len(text.rstrip("\r\n").splitlines()) or 1
            raise self._error(min(mark.line + 1, last) if mark else None, problem) from None
        except (YAMLError, ValueError) as error:
            raise self._error(None, f"not valid YAML: {' '.join(str(error).split())}") from None

    def _take(self, event: Any) -> None:
        kind, line = type(event).__name__, event.start_mark.line + 1
        if kind == "DocumentStartEvent":
            self._begin_document(event, line)
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            self._begin(event, line, {} if kind == "MappingStartEvent" else [])
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            self._end()
        elif kind == "AliasEvent":
            self._add_alias(event.anchor, line)
        elif kind == "ScalarEvent":
            self._add_scalar(event, line)

    def _begin_document(self, event: Any, line: int) -> None:
        self._documents += 1
        if self._documents > 1:
            raise self._error(line, "a second document begins; expected one, without --- between its parts")
        if event.version is not None and tuple(event.version) != (1, 2):
            version = ".".join(map(str, event.version))
            raise self._error(line, f"YAML version {version}; expected 1.2: remove the %YAML line")

    def _begin(self, event: Any, line: int, content: dict[str, Any] | list[Any]) -> None:
        self._demand_tag(event.tag, "map" if isinstance(content, dict) else "seq", line)
        if len(self._open) >= MAX_DEPTH:
            raise self._error(line, f"nested more than {MAX_DEPTH} levels deep")
        if self._open and isinstance(self._open[-1].content, dict) and self._open[-1].key is None:
            raise self._error(line, "a list or mapping as a key; expected a text")
        self._demand_new_anchor(event.anchor, line)
        self._open.append(_Open(content, line, event.anchor))

    def _end(self) -> None:
        node = self._open.pop()
        if isinstance(node.content, dict):
            self._merge(node)
        self._lines[id(node.content)] = node.lines
        if node.anchor:
            self._anchors[node.anchor] = (node.content, node.values)
        self._place(node.content, node.line, node.values)

    def _add_alias(self, anchor: str, line: int) -> None:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise self._error(line, f"more than {MAX_ALIASES:,} aliases")
        if any(node.anchor == anchor for node in self._open):
            raise self._error(line, f"the alias *{_short(anchor)} stands inside what it names")
        if anchor not in self._anchors:
            raise self._error(line, f"the alias *{_short(anchor)} names nothing above it")
        content, values = self._anchors[anchor]
        if self._is_key():
            if not isinstance(content, str):
                raise self._error(line, "a list, mapping or number as a key; expected a text")
            self._begin_entry(content, line)
        else:
            self._place(content, line, values)

    def _add_scalar(self, event: Any, line: int) -> None:
        if bad := _FORBIDDEN.search(event.value):
            raise self._error(line, _unwanted(bad[0]))
        is_key = self._is_key()
        content = self._scalar(event, line, is_key=is_key)
        if event.anchor:
            self._demand_new_anchor(event.anchor, line)
            self._anchors[event.anchor] = (content, 1)
        if is_key:
            self._begin_entry(content, line)
        else:
            self._place(content, line, 1)

    def _demand_new_anchor(self, anchor: str | None, line: int) -> None:
        if anchor in self._anchors or (anchor and any(node.anchor == anchor for node in self._open)):
            raise self._error(line, f"the anchor &{_short(str(anchor))} occurs twice; give each its own name")

    def _is_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].content, dict) and self._open[-1].key is None

    def _begin_entry(self, key: str, line: int) -> None:
        node = self._open[-1]
        if key in node.lines:
            raise self._error(line, f"the key {_short(key)} occurs twice, first in line {node.lines[key]}")
        if _BREAKS.search(key):
            raise self._error(line, "a key of several lines; expected a word")
        node.key, node.lines[key] = key, line

    def _place(self, content: Any, line: int, values: int) -> None:
        """Add a value to the mapping or list around it; the outermost is the document."""
        if not self._open:
            self._content = content
            return
        node = self._open[-1]
        node.values += values
        self._values = max(self._values, node.values)
        if self._values > MAX_VALUES:
            raise self._error(line, f"more than {MAX_VALUES:,} values, with aliases written out")
        if isinstance(node.content, list):
            node.lines[len(node.content)] = line
            node.content.append(content)
            return
        key, node.key = node.key, None
        if key == _MERGE_KEY:
            del node.lines[_MERGE_KEY]
            parts = content if isinstance(content, list) else [content]
            if not all(isinstance(part, dict) for part in parts):
                raise self._error(line, "<< merges mappings; expected an alias of one, or a list of them")
            node.merged += [(part, line) for part in parts]
        else:
            assert key is not None
            node.content[key] = content

    def _merge(self, node: _Open) -> None:
        """Add the entries of merged mappings that a mapping has not itself; the first merged one comes first."""
        for part, line in node.merged:
            for key, value in part.items():
                if key not in node.content:
                    assert isinstance(node.content, dict)
                    node.content[key] = value
                    node.lines[key] = self._lines[id(part)].get(key, line)

    def _scalar(self, event: Any, line: int, *, is_key: bool) -> Any:
        text = event.value
        tag = self._tag(event, line)
        if tag == "str" or (tag == "merge" and is_key) or not self._typed:
            return text
        if tag == "null":
            value: Any = None
        elif tag == "bool":
            value = text.lower() == "true"
        elif tag in ("int", "float"):
            value = self._number(tag, text, line)
        else:
            raise self._error(line, f"{_short(text)} is a date; write it in quotes")
        if not is_key:
            return value
        if tag == "int" and str(value) == text:
            return text
        raise self._error(line, f"the key {_short(text) or 'nothing'} is no text; write it in quotes")

    def _tag(self, event: Any, line: int) -> str:
        if event.tag is not None and event.tag != "!":
            return self._demand_tag(event.tag, "str int float bool null", line)
        if event.tag == "!" or not event.implicit[0]:
            return "str"
        tag = self._tags.get(event.value)
        if tag is None:
            from ruamel.yaml.nodes import ScalarNode

            tag = str(self._yaml.resolver.resolve(ScalarNode, event.value, event.implicit)).removeprefix(_PREFIX)
            # the same words come again and again, and resolving them takes most of the time
            self._tags[event.value] = tag
        return tag

    def _demand_tag(self, tag: Any, allowed: str, line: int) -> str:
        name = str(tag).removeprefix(_PREFIX)
        if tag is not None and str(tag) != "!" and (name == str(tag) or name not in allowed.split()):
            raise self._error(line, f"the tag {_short(str(tag))}; expected plain values without tags")
        return name

    def _number(self, tag: str, text: str, line: int) -> int | float:
        from ruamel.yaml.nodes import ScalarNode

        if len(text) > MAX_DIGITS:
            raise self._error(line, f"a number of {len(text):,} characters; the limit is {MAX_DIGITS}")
        node = ScalarNode(f"{_PREFIX}{tag}", text)
        try:
            value = getattr(self._yaml.constructor, f"construct_yaml_{tag}")(node)
        except (ValueError, OverflowError, IndexError):
            raise self._error(line, f"{_short(text)} is no number; write a text in quotes") from None
        if not -_MAX_WHOLE < value < _MAX_WHOLE and (isinstance(value, int) or math.isinf(value)):
            raise self._error(line, f"{_short(text)} is too large a number")
        if math.isnan(value):
            raise self._error(line, f"{_short(text)} is no number that can be used")
        return int(value) if tag == "int" else float(value)

    def _error(self, line: int | None, problem: str) -> ConfigError:
        return ConfigError(f"{self._name}{'' if line is None else f':{line}'}: {problem}")


def _unwanted(character: str) -> str:
    code = ord(character)
    # bytes that are not UTF-8, of a text that was decoded with `surrogateescape`
    if 0xDC80 <= code <= 0xDCFF:
        return f"byte 0x{code - 0xDC00:02x} is not UTF-8; save the file as UTF-8"
    return f"the control character U+{code:04X}; remove it"


def _short(text: str) -> str:
    """Return a text from the file as one short line for a message."""
    plain = text if text.isprintable() else repr(text)[1:-1]
    return plain if len(plain) <= _LONGEST_QUOTE else f"{plain[: _LONGEST_QUOTE - 2]} …"
