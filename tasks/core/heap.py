"""Settings of memory for processes that compute: the C library's heap, and Python's search for reference cycles."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's `mallopt`."""
_KEPT, _LARGEST = 64 << 20, 32 << 20
_NEW_OBJECTS = 10_000


def keep_freed_memory() -> None:
    """Keep up to 64 MB of freed memory for later arrays instead of returning it to the system.

    By default glibc returns the memory of arrays of more than 128 kB, and the next array of this size is zeroed by the
    system page by page (2 µs for 4 kB). Numbers do not depend on it. Elsewhere than on Linux nothing is done.
    """
    if sys.platform != "linux":
        return
    # other C libraries lack the function
    with suppress(AttributeError, OSError):
        library = ctypes.CDLL(None)
        library.mallopt(_TRIM_THRESHOLD, _KEPT)
        library.mallopt(_MMAP_THRESHOLD, _LARGEST)


def seek_cycles_rarely() -> None:
    """Let Python look for reference cycles after 10,000 new objects, not after 700.

    An item makes thousands of records (cues, words), all of which are in use until it is done: looking through them
    takes an eighth of the time of parsing captions. Cycles hold memory a little longer.
    """
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
