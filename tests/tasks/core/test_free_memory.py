"""Freed memory goes back to the OS."""

from __future__ import annotations

import pyarrow as pa

from tasks.core import free_memory


def test_what_is_in_use_stays() -> None:
    values = pa.array(range(100_000))
    free_memory.release()
    assert values[99_999].as_py() == 99_999
    assert pa.default_memory_pool().bytes_allocated() >= values.nbytes
