"""What is timed: how the measuring process names it, and what it is once it stands in its own process.

Standard library only: the peers' environment reads this, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Given = Mapping[str, Any]


def _as_it_is(made: Any) -> Any:
    return made


@dataclass(frozen=True)
class Ready:
    """A side with everything imported and read, so that nothing but its work is timed.

    Args:
        timed: the work
        warm_up: the same on a little input, called once before
        told: what the work made → what is written down of it as JSON, outside the time
    """

    timed: Callable[[], Any]
    warm_up: Callable[[], Any] | None = None
    told: Callable[[Any], Any] = _as_it_is


@dataclass(frozen=True)
class Side:
    """One side of a case.

    Args:
        name: who or what it is
        prepare: `module:function`, which takes `given` as keyword arguments and returns a `Ready`
        given: what it works on, as JSON has it; a function is called before every run, outside the time
        cores: how many cores its process, and what that starts, may use
        home: whose environment it runs in
    """

    name: str
    prepare: str
    given: Given | Callable[[], Given]
    cores: int = 1
    home: Literal["ours", "peers"] = "ours"
