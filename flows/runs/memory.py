"""A flow keeps running from the first stage to the last: what a stage has used goes back to the machine."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress


def use_one_heap() -> None:
    """Have Arrow take its memory from the C library, which can give it back; Arrow's own pool keeps what it had."""
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())


def give_back() -> None:
    """Hand free memory back to the machine; the C library keeps it for later otherwise (glibc only)."""
    gc.collect()
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
