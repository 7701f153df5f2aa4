"""Worker processes: a pool of fresh interpreters that leave with the process that started them."""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor

from tasks import telling


def pool(n_workers: int) -> ProcessPoolExecutor:
    """Return a pool of so many processes.

    They are spawned: nothing of this process (threads, open sockets, loaded libraries) leaks into the work. When this
    process is killed they stop at once, instead of working on for no one.
    """
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(n_workers, mp_context=context, initializer=_begin)


def _begin() -> None:
    telling.on_a_terminal()
    _leave_with_parent()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        # no clean-up: the parent has none to give it to, and the work goes on from the memo
        os._exit(1)

    threading.Thread(target=wait, name="leave-with-parent", daemon=True).start()
