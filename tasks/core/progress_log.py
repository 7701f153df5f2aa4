"""Progress logging for long-running items: the logger `undertone`, whose lines name their item."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ITEM: ContextVar[str] = ContextVar("item", default="")


def on_a_terminal() -> None:
    """Print log lines if standard error is a terminal; in a flow, Prefect handles them."""
    log = logging.getLogger("undertone")
    if sys.stderr.isatty() and not log.handlers:
        handler = logging.StreamHandler()
        handler.addFilter(_named)
        handler.setFormatter(logging.Formatter("%(item)s: %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)


@contextmanager
def about(item: str) -> Iterator[None]:
    """Attach an item's name to all log lines of the block.

    Args:
        item: its id
    """
    token = _ITEM.set(item)
    try:
        yield
    finally:
        _ITEM.reset(token)


def _named(record: logging.LogRecord) -> bool:
    record.item = _ITEM.get()
    return True
