"""How long work says how far it is: lines of the logger `undertone`, each with the item it is about."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ITEM: ContextVar[str] = ContextVar("item", default="")


def on_a_terminal() -> None:
    """Show what the house's work says where someone is looking; a flow's logs are Prefect's business."""
    log = logging.getLogger("undertone")
    if sys.stderr.isatty() and not log.handlers:
        handler = logging.StreamHandler()
        handler.addFilter(_named)
        handler.setFormatter(logging.Formatter("%(item)s: %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)


@contextmanager
def about(item: str) -> Iterator[None]:
    """Say of everything told inside which item it is about."""
    token = _ITEM.set(item)
    try:
        yield
    finally:
        _ITEM.reset(token)


def _named(record: logging.LogRecord) -> bool:
    record.item = _ITEM.get()
    return True
