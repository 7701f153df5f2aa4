"""A limit of the computing time for an untrusted page: some of yt-dlp's patterns take hours on a page made for them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tasks.core.errors import Rejected

_REPEAT_S = 1.0
"""An error in an optional part of a page is ignored by yt-dlp, so it is raised again after this time."""


@contextmanager
def limited(allowed_s: float, error: Rejected) -> Iterator[None]:
    """Raise an error in the block after a computing time; waits do not count.

    Python delivers signals to the main thread only: in other threads there is no limit. Stages compute items in the
    main thread of their processes, except in flows with the runner `threads`.

    Args:
        allowed_s: processor time of this process in seconds
        error: what to raise
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: Any) -> None:
        raise error

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, allowed_s, _REPEAT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
