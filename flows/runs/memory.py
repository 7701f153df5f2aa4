"""Return freed memory to the OS between the stages of a flow."""

from __future__ import annotations

import gc

from tasks.core import free_memory
from tasks.media.decoding import process


def prepare() -> None:
    """Make Arrow allocate through the C library, which can return memory; leave what is imported out of collections."""
    import pyarrow as pa

    # Arrow's own pool keeps what it has
    pa.set_memory_pool(pa.system_memory_pool())
    # Prefect and DVC have made half a million objects: to search them takes 0.2 s, after each stage
    gc.freeze()


def release() -> None:
    """Stop decoders, collect garbage and return free memory to the OS."""
    process.stop_all()
    gc.collect()
    free_memory.release()
