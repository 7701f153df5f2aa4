"""Reader of CTranslate2's `model.bin`: variables by name, as NumPy arrays.

The format (`ctranslate2/specs/model_spec.py`, `_serialize`), little-endian: version (uint32), name of the
specification, revision (uint32), number of variables (uint32); by variable its name, number of dimensions (uint8),
sizes (uint32), type (uint8), number of bytes (uint32), bytes; number of aliases (uint32); by alias its name and that of
its variable. A name is its length (uint16), bytes, and a zero byte that the length includes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import InputError

VERSION = 6
"""Of the format, since CTranslate2 2.0."""
MAX_BYTES = 8 * 2**30
_TYPES = ("<f4", "i1", "<i2", "<i4", "<f2")
"""By the number of the type; bfloat16 (5) has none in NumPy."""
_MAX_VARIABLES = 100_000
_MAX_DIMENSIONS = 8


@dataclass(frozen=True)
class Ctranslate2Model:
    """Content of a `model.bin`.

    Args:
        specification: such as `WhisperSpec`
        revision: of the specification
        variables: name → array, read-only
    """

    specification: str
    revision: int
    variables: dict[str, NDArray[Any]]


def read(path: Path) -> Ctranslate2Model:
    """Return the content of a `model.bin`.

    Args:
        path: the file

    Raises:
        InputError: if it is larger than `MAX_BYTES`, of another version, or damaged
    """
    if (size := path.stat().st_size) > MAX_BYTES:
        raise InputError(f"{path}: {size:,} bytes; the limit for a model of CTranslate2 is {MAX_BYTES:,}")
    reader = _Reader(memoryview(path.read_bytes()))
    try:
        return _model(reader)
    except (ValueError, struct.error, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: at byte {reader.position:,}: {error}; expected a model.bin of CTranslate2, version {VERSION}. "
            "Fetch it again"
        ) from None


class _Reader:
    def __init__(self, content: memoryview) -> None:
        self._content = content
        self.position = 0

    def number(self, code: str) -> int:
        return int(struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))[0])

    def text(self) -> str:
        content = bytes(self.take(self.number("H")))
        if not content.endswith(b"\0"):
            raise ValueError("a name without a zero byte at its end")
        return content[:-1].decode()

    def take(self, n_bytes: int) -> memoryview:
        if n_bytes > self.remaining():
            raise ValueError(f"{n_bytes:,} bytes expected, {self.remaining():,} left")
        taken = self._content[self.position : self.position + n_bytes]
        self.position += n_bytes
        return taken

    def remaining(self) -> int:
        return len(self._content) - self.position


def _model(reader: _Reader) -> Ctranslate2Model:
    if (version := reader.number("I")) != VERSION:
        raise ValueError(f"version {version}")
    specification, revision = reader.text(), reader.number("I")
    if (n_variables := reader.number("I")) > _MAX_VARIABLES:
        raise ValueError(f"{n_variables:,} variables")
    variables: dict[str, NDArray[Any]] = {}
    for _ in range(n_variables):
        name, values = _variable(reader)
        if name in variables:
            raise ValueError(f"a second variable {name!r}")
        variables[name] = values
    for _ in range(reader.number("I")):
        alias, name = reader.text(), reader.text()
        if name not in variables:
            raise ValueError(f"the alias {alias!r} of {name!r}, which is no variable")
        variables[alias] = variables[name]
    if reader.remaining():
        raise ValueError(f"{reader.remaining():,} bytes after the end")
    return Ctranslate2Model(specification, revision, variables)


def _variable(reader: _Reader) -> tuple[str, NDArray[Any]]:
    name, n_dimensions = reader.text(), reader.number("B")
    if n_dimensions > _MAX_DIMENSIONS:
        raise ValueError(f"{name!r} has {n_dimensions} dimensions")
    shape = [reader.number("I") for _ in range(n_dimensions)]
    kind, n_bytes = reader.number("B"), reader.number("I")
    if kind >= len(_TYPES):
        raise ValueError(
            f"{name!r} is of type {kind}; expected 0 to {len(_TYPES) - 1} (float32, int8, int16, int32, float16)"
        )
    dtype = np.dtype(_TYPES[kind])
    if n_bytes != prod(shape) * dtype.itemsize:
        raise ValueError(f"{name!r} of shape {tuple(shape)} and type {dtype} has {n_bytes:,} bytes")
    return name, np.frombuffer(reader.take(n_bytes), dtype=dtype).reshape(shape)
