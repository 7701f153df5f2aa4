"""Return of freed memory to the OS, which allocators otherwise keep for later."""

from __future__ import annotations

import ctypes
from contextlib import suppress

import pyarrow as pa


def release() -> None:
    """Return what Arrow and the C library keep of freed memory (glibc only; other C libraries keep it)."""
    pa.default_memory_pool().release_unused()
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
