"""Exclusive access to PyTorch's process-wide state: random state, number of threads, algorithm flags.

Batches may run in threads of one process. Loading a network draws random initial weights, which would advance the
random state of a training run in another thread and make two runs differ. `exclusive` prevents this by a lock.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.RLock()


@contextmanager
def exclusive() -> Iterator[None]:
    """Lock PyTorch's state against the other threads of this process; reentrant."""
    with _LOCK:
        yield


@contextmanager
def own_random_state(*, gpus: bool = False) -> Iterator[None]:
    """Restore PyTorch's random state at the end of the block; holds the lock of `exclusive`.

    Args:
        gpus: also restore the random states of the GPUs
    """
    import torch

    with exclusive(), torch.random.fork_rng(devices=None if gpus else []):
        yield
