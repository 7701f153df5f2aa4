"""Find traces of removed data in files of any kind, by decoded content.

Tables (Parquet, Arrow, entries of the memo, SQLite) are searched value by value, archives member by member, text also
with its HTML, JSON and URL escapes undone, and embedded or separate media by digests of their bytes and of their
decoded samples. Only recordings that were encoded anew with loss are not recognised by content; those have names.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import io
import re
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.core import memo

_MAX_MEMBER_BYTES = 1 << 30
_MAX_DEPTH = 4
_LEAST_TEXT = 16
"""Characters of a text by which it is searched; shorter ones occur everywhere."""
_LONG_CELL = 300
"""Characters of a text in which each id is searched; in shorter texts, each word is looked up."""
_SNIFFED_BYTES = 1 << 12
"""A file with a NUL character in its first bytes is no text."""
_AROUND_BYTES = 80
_TAG_BYTES = 1 << 16
"""Titles stand at the beginning or the end of sound files."""
_REMOVED = "[removed]"
_TOKEN = re.compile(r"[\w#@:+-][\w.#@:+-]*(?:/[\w.#@:+-]+)*")
_DATA_URI = re.compile(r"data:[\w/+.-]*;base64,([A-Za-z0-9+/=]{64,})")
_QUOTED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_SQLITE = b"SQLite format 3\x00"
_SOUNDS = (b"fLaC", b"RIFF", b"OggS", b"ID3", b"\xff\xfb")


@dataclass(frozen=True)
class Traces:
    """What identifies removed data.

    Args:
        ids: ids of utterances and videos, digests and other single words
        phrases: names, titles, addresses and paths, matched between characters of no word
        texts: whole utterances
        digests: SHA-256 of files, of embedded files, and of decoded samples
        stems: beginnings of file names, searched anywhere
    """

    ids: frozenset[str] = frozenset()
    phrases: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    digests: frozenset[str] = frozenset()
    stems: frozenset[str] = frozenset()

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        words = sorted(map(re.escape, filter(None, self.phrases)), key=len, reverse=True)
        return re.compile(rf"(?<![\w-])(?:{'|'.join(words)})(?![\w-])") if words else None

    @cached_property
    def _prefixes(self) -> tuple[str, ...]:
        # an id as part of a file name: segments are named interviews_train-1_0003.flac
        return tuple(sorted(name.replace("/", "_") for name in self.ids if "/" in name))

    @cached_property
    def _searched_texts(self) -> tuple[str, ...]:
        return tuple(sorted(text for text in self.texts if len(text) >= _LEAST_TEXT))

    @cached_property
    def _long_words(self) -> tuple[str, ...]:
        """Ids that are searched in long texts: those that contain a phrase are met with it."""
        words = self.ids | frozenset(self._prefixes)
        return tuple(sorted(word for word in words if not any(phrase in word for phrase in self.phrases)))

    @cached_property
    def _flat_ids(self) -> frozenset[str]:
        return self.ids | self.digests | frozenset(self._prefixes)

    def in_text(self, text: str) -> bool:
        """Return whether a text names removed data, as it is or with its escapes undone.

        Args:
            text: of a file, a page or a cell
        """
        return any(self._in_plain(form) for form in _forms(text))

    def redacted(self, text: str) -> str:
        """Return a text with the names of removed data replaced.

        Args:
            text: such as the parameters of a run
        """
        if self._pattern is not None:
            text = self._pattern.sub(_REMOVED, text)
        for part in (*self._searched_texts, *sorted(self._flat_ids, key=len, reverse=True), *sorted(self.stems)):
            text = text.replace(part, _REMOVED)
        return text

    def in_name(self, path: Path) -> bool:
        """Return whether a file's name, or that of one of its folders, names removed data.

        Args:
            path: relative to the project folder
        """
        return any(self._in_plain(part) or Path(part).stem in self._flat_ids for part in path.parts)

    def in_value(self, value: Any) -> bool:
        """Return whether a value of a table names or is removed data.

        Args:
            value: text, bytes, or lists and mappings of them
        """
        if isinstance(value, str):
            return value in self._flat_ids or value in self.texts or self.in_text(value)
        if isinstance(value, bytes):
            return self.in_bytes(value)
        if isinstance(value, dict):
            return any(self.in_value(part) for pair in value.items() for part in pair)
        if isinstance(value, (list, tuple)):
            # fingerprints are lists of thousands of numbers
            return not (value and isinstance(value[0], (int, float))) and any(map(self.in_value, value))
        return False

    def rows(self, table: pa.Table) -> list[bool]:
        """Return, for each row of a table, whether it names or holds removed data.

        Args:
            table: any table
        """
        marked = [False] * table.num_rows
        for column in table.columns:
            if not _may_name(column.type):
                continue
            is_hit: dict[Any, bool] = {}
            for number, value in enumerate(column.to_pylist()):
                if value is None or marked[number]:
                    continue
                if isinstance(value, str):
                    if value not in is_hit:
                        is_hit[value] = self.in_value(value)
                    marked[number] = is_hit[value]
                else:
                    marked[number] = self.in_value(value)
        return marked

    def in_bytes(self, content: bytes, depth: int = 0) -> bool:
        """Return whether a file names or holds removed data.

        Args:
            content: of the file
            depth: of archives that it was found in
        """
        if not content or depth > _MAX_DEPTH:
            return False
        if hashlib.sha256(content).hexdigest() in self.digests:
            return True
        if tables := list(_tables(content)):
            # the bytes around the values are compressed, or repeat them
            return any(any(self.rows(table)) or self.in_value(_metadata(table)) for table in tables)
        parts = (self.in_value(value) for value in _sqlite_values(content)) if content[:16] == _SQLITE else ()
        members = (self.in_text(name) or self.in_bytes(member, depth + 1) for name, member in _members(content))
        if any(parts) or any(members):
            return True
        # also binary files: names stand in headers of safetensors, ONNX, pickles and sound
        if content.startswith(_SOUNDS):
            return self._in_sound(content) or self._in_raw(content[:_TAG_BYTES]) or self._in_raw(content[-_TAG_BYTES:])
        return self._in_raw(content)

    def in_file(self, path: Path, name: Path) -> bool:
        """Return whether a file names or holds removed data; False if it is gone.

        Args:
            path: of the file
            name: its path relative to the project folder
        """
        if self.in_name(name):
            return True
        try:
            return self.in_bytes(path.read_bytes())
        except (FileNotFoundError, IsADirectoryError, PermissionError):
            return False

    def _in_plain(self, text: str) -> bool:
        if any(stem in text for stem in self.stems):
            return True
        # a plain search first: it is a hundred times faster than the pattern
        if self._pattern is not None and any(phrase in text for phrase in self.phrases) and self._pattern.search(text):
            return True
        if self._in_words(text):
            return True
        return len(text) >= _LEAST_TEXT and any(part in text for part in self._searched_texts)

    def _in_words(self, text: str) -> bool:
        """Return whether a text has an id as a word, as part of a path, or as a file name without its ending."""
        if len(text) > _LONG_CELL:
            return any(word in text and _is_word(word, text) for word in self._long_words)
        for token in _TOKEN.findall(text):
            parts = {token, token.rstrip(".:"), *token.split("/")}
            if parts & self._flat_ids or {_stem(part) for part in parts} & self._flat_ids:
                return True
        return False

    @cached_property
    def _raw_words(self) -> tuple[bytes, ...]:
        words = (*self.phrases, *self._long_words, *self.stems, *self._searched_texts)
        return tuple(word.encode() for word in words if word)

    def _in_binary(self, content: bytes) -> bool:
        """Search bytes without decoding them: features and models may have gigabytes, and have no escapes."""
        for word in self._raw_words:
            place = content.find(word)
            while place >= 0:
                around = content[max(0, place - _AROUND_BYTES) : place + len(word) + _AROUND_BYTES]
                if self._in_plain(around.decode("utf-8", errors="replace")):
                    return True
                place = content.find(word, place + 1)
        return False

    def _in_raw(self, content: bytes) -> bool:
        if b"\0" in content[:_SNIFFED_BYTES]:
            return self._in_binary(content)
        text = content.decode("utf-8", errors="replace")
        if self.in_text(text):
            return True
        return any(self._in_uri(match[1]) for match in _DATA_URI.finditer(text))

    def _in_uri(self, encoded: str) -> bool:
        with suppress(ValueError):
            return self.in_bytes(base64.b64decode(encoded), 1)
        return False

    def _in_sound(self, content: bytes) -> bool:
        """Compare decoded samples: a lossless copy in another container has other bytes and the same samples."""
        if not self.digests:
            return False
        with suppress(Exception):
            return hashlib.sha256(_samples(content)).hexdigest() in self.digests
        return False


def _forms(text: str) -> Iterator[str]:
    """Yield a text as it is, and with the escapes of HTML, JSON and URLs undone, where that differs."""
    yield text
    unescaped = html.unescape(text) if "&" in text else text
    if "\\" in unescaped:
        unescaped = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), unescaped)
        unescaped = unescaped.replace('\\"', '"').replace("\\/", "/").replace("\\n", " ")
    if "%" in unescaped:
        unescaped = _QUOTED.sub(lambda match: unquote(match[0]), unescaped)
    if unescaped != text:
        yield unescaped


def _is_word(word: str, text: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


def _stem(name: str) -> str:
    return name.partition(".")[0]


def _may_name(kind: pa.DataType) -> bool:
    if pa.types.is_map(kind):
        return _may_name(kind.key_type) or _may_name(kind.item_type)
    if pa.types.is_dictionary(kind):
        return _may_name(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _may_name(kind.value_type)
    if pa.types.is_struct(kind):
        return any(_may_name(kind.field(number).type) for number in range(kind.num_fields))
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )  # fmt: skip


def _tables(content: bytes) -> Iterator[pa.Table]:
    """Yield the tables of a Parquet or Arrow file, or of an entry of the memo; none if it is no such file."""
    with suppress(pa.ArrowException, OSError):
        if content[:4] == b"PAR1":
            yield pq.ParquetFile(io.BytesIO(content)).read()
            return
        for arrow in (content, memo.unpacked(content[memo.DIGEST_BYTES :])):
            if arrow.startswith(b"ARROW1"):
                yield pa.ipc.open_file(pa.BufferReader(arrow)).read_all()
                return


def _metadata(table: pa.Table) -> list[str]:
    values = (table.schema.metadata or {}).values()
    return [value.decode("utf-8", errors="replace") for value in values]


def _sqlite_values(content: bytes) -> Iterator[Any]:
    # a copy: the file may be in use
    with tempfile.NamedTemporaryFile(suffix=".sqlite") as file:
        file.write(content)
        file.flush()
        with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(file.name)) as connection:
            connection.text_factory = lambda raw: raw.decode("utf-8", errors="replace")
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (name,) in names:
                quoted = name.replace('"', '""')
                for row in connection.execute(f'SELECT * FROM "{quoted}"'):  # noqa: S608
                    yield from row
    # rows that were deleted but not overwritten
    yield content.decode("utf-8", errors="replace")


def _members(content: bytes) -> Iterable[tuple[str, bytes]]:
    """Return name and content of an archive's members; none if it is no archive, or damaged."""
    members = list[tuple[str, bytes]]()
    with suppress(OSError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError):
        if content[:2] == b"\x1f\x8b":
            with gzip.open(io.BytesIO(content)) as file:
                members.append(("", file.read(_MAX_MEMBER_BYTES)))
        elif content[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for entry in archive.infolist():
                    if entry.file_size <= _MAX_MEMBER_BYTES:
                        members.append((entry.filename, archive.read(entry)))
    return members


def _samples(content: bytes) -> bytes:
    """Return the samples of a sound file as 16-bit integers, as the digests of segments are computed."""
    import soundfile

    samples, _ = soundfile.read(io.BytesIO(content), dtype="int16")
    return bytes(samples.tobytes())
