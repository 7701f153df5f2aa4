"""What a case found, as it is written down: rows of values with their target, kept as JSON, one file a case."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Literal

from tasks.core import tables

Figure = Literal["times faster", "times as long", "times the memory", "share", "seconds"]


@dataclass(frozen=True)
class Spread:
    """Several runs of one thing: their median, least and most, and how many they are."""

    median: float
    least: float
    most: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of at least one value."""
        return cls(median(values), min(values), max(values), len(values))


@dataclass(frozen=True)
class Target:
    """What a figure's median has to reach (`at least`), or must not exceed (`at most`)."""

    bound: float
    kind: Literal["at least", "at most"] = "at least"

    def met_by(self, value: float) -> bool:
        """Say whether a median is good enough."""
        return value >= self.bound if self.kind == "at least" else value <= self.bound


@dataclass(frozen=True)
class Agreement:
    """Whether both sides made the same, as far as they can, and the difference in words."""

    holds: bool
    text: str


@dataclass(frozen=True)
class Row:
    """One line of the page.

    Args:
        name: the case, and which part of it
        what: what is measured, in words
        figure: what the values are
        values: one per run, or per pair of runs
        target: what their median is held to, if anything
        times_s: by side, the seconds of every run
        agreement: of both sides' results
        note: what must be known to read the figure
    """

    name: str
    what: str
    figure: Figure
    values: tuple[float, ...]
    target: Target | None = None
    times_s: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    agreement: Agreement | None = None
    note: str = ""

    @property
    def spread(self) -> Spread:
        """The values' spread."""
        return Spread.of(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        return None if self.target is None else self.target.met_by(self.spread.median)


@dataclass(frozen=True)
class Result:
    """A case as it was measured, or why it was not.

    Args:
        case: its name
        rows: what it found
        about: date, commit, machine and versions
        skipped: why it could not be measured; empty if it was
    """

    case: str
    rows: tuple[Row, ...]
    about: Mapping[str, Any]
    skipped: str = ""


def shown(value: float, figure: Figure) -> str:
    """Return a value as page and chart print it."""
    if figure == "share":
        return f"{100 * value:.2g} %"
    if figure == "seconds":
        return f"{value:.2f} s"
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f}×"


def bound(target: Target, figure: Figure) -> str:
    """Return a target as page and chart print it."""
    return f"{'≥' if target.kind == 'at least' else '≤'} {shown(target.bound, figure)}"


def write(result: Result, folder: Path) -> None:
    """Write a case's result to its file."""
    tables.write_text(_place(folder, result.case), json.dumps(asdict(result), indent=1, ensure_ascii=False) + "\n")


def read(folder: Path, case: str) -> Result | None:
    """Return a case's result, or None if it has none yet."""
    try:
        found = json.loads(_place(folder, case).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Result(case, tuple(_row(one) for one in found["rows"]), found["about"], found["skipped"])


def _place(folder: Path, case: str) -> Path:
    return folder / f"{case}.json"


def _row(found: dict[str, Any]) -> Row:
    target, agreement = found["target"], found["agreement"]
    return Row(
        name=found["name"],
        what=found["what"],
        figure=found["figure"],
        values=tuple(found["values"]),
        target=target and Target(**target),
        times_s={side: tuple(seconds) for side, seconds in found["times_s"].items()},
        agreement=agreement and Agreement(**agreement),
        note=found["note"],
    )
