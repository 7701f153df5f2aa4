"""What PyTorch keeps once for a whole process: its random state, the number of its threads, its algorithms.

Shards may run in threads of one process, beside stages that load the networks of others, whose first weights are drawn
only to be replaced. Whoever needs this state to themselves takes it with `exclusive`; otherwise one training would lose
random numbers to another, and two runs would differ.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ALONE = threading.RLock()


@contextmanager
def exclusive() -> Iterator[None]:
    """Keep the other threads of this process from changing PyTorch's state; whoever has it may take it again."""
    with _ALONE:
        yield


@contextmanager
def own_random_state(*, gpus: bool = False) -> Iterator[None]:
    """Draw from PyTorch's random state alone, and leave it as it was found.

    Args:
        gpus: whether the states of GPUs are left as they were found, too
    """
    import torch

    with exclusive(), torch.random.fork_rng(devices=None if gpus else []):
        yield
