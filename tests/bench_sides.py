"""Sides for the tests of the bench, light enough to be imported in a moment."""

from __future__ import annotations

import time
from pathlib import Path

from bench.side import Ready

PREPARING_S = 1.0


def sleeping(duration_s: float, log: str, name: str) -> Ready:
    """A side that notes that it ran, takes a second to get ready, and then as long as it is told."""
    time.sleep(PREPARING_S)

    def work() -> str:
        time.sleep(duration_s)
        return name

    with Path(log).open("a", encoding="utf-8") as file:
        file.write(f"{name}\n")
    return Ready(timed=work, told=lambda made: {"made": made})


def failing() -> Ready:
    """A side that cannot do its work."""
    raise ValueError("no such sound")
