"""Messages between a process and its decoder: a header in JSON, then arrays as raw bytes.

No pickles: an attacker who takes over the decoder must not get further by its answers.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_LENGTH_BYTES = 4
_MAX_HEADER_BYTES = 1 << 20
_MAX_ARRAY_BYTES = 1 << 33
_TYPES = ("<i2", "|u1", "<f8")


class BrokenMessageError(Exception):
    """The other side ended, or sent something that is no message."""


@dataclass(frozen=True)
class Message:
    """One message.

    Args:
        kind: such as `done`, or the name of a function
        values: JSON values
        arrays: samples and pictures
    """

    kind: str
    values: dict[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def write(pipe: BinaryIO, message: Message) -> None:
    """Write a message.

    Raises:
        OSError: if the other side has ended
    """
    arrays = {name: np.ascontiguousarray(array) for name, array in message.arrays.items()}
    shapes = {name: [array.dtype.str, array.shape] for name, array in arrays.items()}
    header = json.dumps({"kind": message.kind, "values": message.values, "arrays": shapes}).encode()
    pipe.write(len(header).to_bytes(_LENGTH_BYTES, "big") + header)
    for array in arrays.values():
        pipe.write(array.reshape(-1).view(np.uint8).data)
    pipe.flush()


def read(pipe: BinaryIO | io.BufferedReader) -> Message:
    """Read a message.

    Raises:
        BrokenMessageError: if the other side has ended, or what it sent is no message
    """
    length = int.from_bytes(_exactly(pipe, _LENGTH_BYTES), "big")
    if length > _MAX_HEADER_BYTES:
        raise BrokenMessageError
    try:
        header = json.loads(_exactly(pipe, length))
        shapes = {str(name): _array_type(*declared) for name, declared in header["arrays"].items()}
        message = Message(str(header["kind"]), dict(header["values"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BrokenMessageError from None
    return Message(message.kind, message.values, {name: _array(pipe, *shape) for name, shape in shapes.items()})


def _array_type(dtype: str, shape: list[int]) -> tuple[str, tuple[int, ...]]:
    size = math.prod(shape)
    if dtype not in _TYPES or any(type(n) is not int or n < 0 for n in shape) or size * 8 > _MAX_ARRAY_BYTES:
        raise ValueError
    return dtype, tuple(shape)


def _array(pipe: BinaryIO | io.BufferedReader, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    array = np.empty(shape, dtype)
    view = memoryview(array.reshape(-1).view(np.uint8).data)
    while view.nbytes:
        n = pipe.readinto(view)  # type: ignore[union-attr]
        if not n:
            raise BrokenMessageError
        view = view[n:]
    return array


def _exactly(pipe: BinaryIO | io.BufferedReader, n_bytes: int) -> bytes:
    content = b""
    while len(content) < n_bytes:
        part = pipe.read(n_bytes - len(content))
        if not part:
            raise BrokenMessageError
        content += part
    return content
