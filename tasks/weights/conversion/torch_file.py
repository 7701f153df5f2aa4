"""Reader of PyTorch's legacy format (before 1.6) without PyTorch: tensors by name, as NumPy arrays.

Such a file is five pickles — a magic number, the version of the protocol, sizes of types, the object, keys of the
storages — and the storages' content. A pickle may call any function. This reader's unpickler knows only the ones that
rebuild tensors, and refuses all others before anything runs.
"""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import InputError

MAX_BYTES = 2**30
_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: str
    n_values: int


@dataclass(frozen=True)
class _View:
    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def read(path: Path, key: str) -> dict[str, NDArray[Any]]:
    """Return the tensors of a state dict.

    Args:
        path: a file that torch.save wrote in the legacy format
        key: of the state dict in the saved dictionary

    Raises:
        InputError: if the file is too large or damaged, holds anything but tensors and plain values, or has no such key
    """
    if (size := path.stat().st_size) > MAX_BYTES:
        raise InputError(f"{path}: {size:,} bytes; the limit is {MAX_BYTES:,}")
    try:
        with path.open("rb") as file:
            return _tensors(file, key, size)
    except Exception as error:
        # damaged and hostile pickles raise almost anything
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(
            f"{path}: {reason}. Expected weights that torch.save wrote in its format before version 1.6, with tensors "
            "only: nothing else in the file is executed. Fetch it again"
        ) from None


def _tensors(file: BinaryIO, key: str, size: int) -> dict[str, NDArray[Any]]:
    if (magic := _load(file)) != _MAGIC:
        raise ValueError(f"it begins with {str(magic)[:40]}, not with the magic number")
    if (protocol := _load(file)) != _PROTOCOL:
        raise ValueError(f"protocol {str(protocol)[:40]}, expected {_PROTOCOL}")
    if _load(file).get("little_endian") is not True:
        raise ValueError("its numbers are not little-endian")
    content, keys = _load(file), _load(file)
    state = content.get(key) if isinstance(content, Mapping) else None
    views = {str(name): view for name, view in (state or {}).items() if isinstance(view, _View)}
    if not views:
        raise ValueError(f"no tensors by name under {key!r}")
    stored = {view.storage.key: view.storage for view in _views(content)}
    arrays = {name: _content(file, stored[name], size) for name in keys}
    if file.read(1):
        raise ValueError("there are bytes after the last tensor")
    if sum(_n_values(view) for view in views.values()) > size:
        raise ValueError("its tensors overlap: they are larger than the file")
    return {name: _array(view, arrays[view.storage.key]) for name, view in views.items()}


def _views(content: Any) -> list[_View]:
    """Return all tensors in nested containers."""
    waiting, views, seen = [content], [], set[int]()
    while waiting:
        item = waiting.pop()
        # containers may hold each other many times over
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, _View):
            views.append(item)
        elif isinstance(item, Mapping):
            waiting += item.values()
        elif isinstance(item, list | tuple):
            waiting += item
    return views


def _n_values(view: _View) -> int:
    return int(prod(view.size, start=1))


def _content(file: BinaryIO, storage: _Storage, size: int) -> NDArray[Any]:
    dtype = np.dtype(storage.dtype)
    (n_values,) = struct.unpack("<q", file.read(8))
    if n_values != storage.n_values:
        raise ValueError(f"storage {storage.key} has {n_values:,} values, expected {storage.n_values:,}")
    if n_values * dtype.itemsize > size:
        raise ValueError(f"storage {storage.key} has {n_values:,} values, more than fit into the file")
    content = file.read(n_values * dtype.itemsize)
    if len(content) != n_values * dtype.itemsize:
        raise ValueError(f"storage {storage.key} ends early")
    return np.frombuffer(content, dtype=dtype)


def _array(view: _View, values: NDArray[Any]) -> NDArray[Any]:
    last = view.offset + sum((n - 1) * step for n, step in zip(view.size, view.stride, strict=True))
    if min(view.offset, *view.size, *view.stride, 0) < 0 or (_n_values(view) and last >= values.size):
        raise ValueError("a tensor reaches beyond its storage")
    steps = [step * values.itemsize for step in view.stride]
    strided = np.lib.stride_tricks.as_strided(values[view.offset :], view.size, steps, writeable=False)
    return np.ascontiguousarray(strided)


class _TensorUnpickler(pickle.Unpickler):
    """Rebuild tensors as views of storages; refuse every other class and function."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if module == "torch" and name in _STORAGES:
            return name
        raise pickle.UnpicklingError(f"it names {module}.{name}, which is not part of a tensor")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, storage, key, _device, n_values, *_view = pid
        if kind != "storage" or n_values < 0:
            raise pickle.UnpicklingError("it refers to an object that is not a tensor's storage")
        return _Storage(str(key), _STORAGES[storage], int(n_values))


def _rebuild(storage: Any, offset: int, size: Any, stride: Any, *_: Any) -> _View:
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("it has a tensor without a storage")
    return _View(storage, int(offset), tuple(map(int, size)), tuple(map(int, stride)))


def _load(file: BinaryIO) -> Any:
    return _TensorUnpickler(file).load()
