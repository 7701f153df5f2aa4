"""What a kind of fuzzing provides: a seeded trial that is accepted, rejected, or a failure."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Verdict = Literal["accepted", "rejected"]


class SilentDifferenceError(AssertionError):
    """The product accepted an input and returned something else than what is right."""


@dataclass(frozen=True)
class Trial:
    """One input and the call that reads it.

    Args:
        content: the input's bytes, which are saved if the trial fails
        suffix: of the file they are saved to
        run: reads the input; raises an exception of any kind if the product fails
    """

    content: bytes
    suffix: str
    run: Callable[[], Verdict]


MakeTrial = Callable[[random.Random], Trial]


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Args:
        name: on the command line and in file names
        share: part of all inputs, in thousandths
        prepare: makes what all trials of a process share, in an empty folder; returns a function of a seeded generator
    """

    name: str
    share: int
    prepare: Callable[[Path], MakeTrial]


def expect(condition: bool, difference: str) -> None:
    """Check a property of an accepted input.

    Args:
        condition: whether it holds
        difference: what differs otherwise

    Raises:
        SilentDifferenceError: if it does not hold
    """
    if not condition:
        raise SilentDifferenceError(difference)
