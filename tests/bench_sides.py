"""Sides for the tests of the benchmark, with few imports."""

from __future__ import annotations

import time
from pathlib import Path

from bench.side import Prepared

PREPARING_S = 1.0


def sleeping(duration_s: float, log: str, name: str) -> Prepared:
    """Log the run, prepare for a second, then work for `duration_s` seconds."""
    time.sleep(PREPARING_S)

    def work() -> str:
        time.sleep(duration_s)
        return name

    with Path(log).open("a", encoding="utf-8") as file:
        file.write(f"{name}\n")
    return Prepared(timed=work, summary=lambda output: {"made": output})


def failing() -> Prepared:
    """Fail while preparing."""
    raise ValueError("no such sound")
