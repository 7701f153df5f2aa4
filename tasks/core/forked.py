"""Environment of a process that others are forked from: it must have no threads. It imports this first."""

from __future__ import annotations

import atexit
import gc
import os

# read when NumPy, SciPy and Arrow are loaded
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"
# Python collects garbage several times while it ends, for 0.4 s with all libraries: frozen objects are not searched
atexit.register(gc.freeze)
