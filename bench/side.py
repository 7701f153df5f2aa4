"""Sides of a comparison: their description in the measuring process, and the work prepared in the timed process.

Standard library only: this module is also imported in the peers' environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Inputs = Mapping[str, Any]


def _unchanged(output: Any) -> Any:
    return output


@dataclass(frozen=True)
class Prepared:
    """Work whose imports and inputs are loaded, so that only the work is timed.

    Args:
        timed: the work
        warm_up: the same on a small input; called once before, not timed
        summary: output of the work → JSON value to compare the sides by; not timed
    """

    timed: Callable[[], Any]
    warm_up: Callable[[], Any] | None = None
    summary: Callable[[Any], Any] = _unchanged


@dataclass(frozen=True)
class RunSpec:
    """One side of a case.

    Args:
        name: name of the program
        prepare: `module:function`; called with `inputs` as keyword arguments, returns a `Prepared`
        inputs: JSON values; a function is called before each run, not timed
        cores: number of cores for its process and child processes
        environment: Python environment: undertone's, that of the peers, or that of WhisperX, with its own PyTorch
    """

    name: str
    prepare: str
    inputs: Inputs | Callable[[], Inputs]
    cores: int = 1
    environment: Literal["ours", "peers", "whisperx"] = "ours"
