"""Results of cases: measurements with their targets, stored as JSON, one file per case."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Literal

from tasks.core import tables

Quantity = Literal["times faster", "times as long", "times the memory", "share", "seconds", "megabytes"]


@dataclass(frozen=True)
class MedianRange:
    """Median, minimum, maximum and number of several values."""

    median: float
    least: float
    most: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> MedianRange:
        """Summarise values.

        Args:
            values: at least one value
        """
        return cls(median(values), min(values), max(values), len(values))


@dataclass(frozen=True)
class Bound:
    """Bound for a median: a lower bound (`at least`) or an upper bound (`at most`)."""

    bound: float
    kind: Literal["at least", "at most"] = "at least"

    def met_by(self, value: float) -> bool:
        """Return whether a median meets the target.

        Args:
            value: the median
        """
        return value >= self.bound if self.kind == "at least" else value <= self.bound


@dataclass(frozen=True)
class OutputComparison:
    """Whether the outputs of both sides agree, and a description of the difference."""

    holds: bool
    text: str


@dataclass(frozen=True)
class Measurement:
    """One row of the page.

    Args:
        name: the case, and its part
        what: description
        quantity: meaning of the values
        values: one per run, or per pair of runs
        target: target for the median, if any
        times_s: side → seconds of each run
        agreement: comparison of the outputs of both sides
        note: footnote
    """

    name: str
    what: str
    quantity: Quantity
    values: tuple[float, ...]
    target: Bound | None = None
    times_s: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    agreement: OutputComparison | None = None
    note: str = ""

    @property
    def spread(self) -> MedianRange:
        """Summary of the values."""
        return MedianRange.of(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target."""
        return None if self.target is None else self.target.met_by(self.spread.median)


@dataclass(frozen=True)
class CaseResult:
    """Result of a case.

    Args:
        case: name of the case
        rows: its measurements
        about: date, commit, machine and versions
        skipped: reason why it was not measured; "" if it was
    """

    case: str
    rows: tuple[Measurement, ...]
    about: Mapping[str, Any]
    skipped: str = ""


def formatted(value: float, quantity: Quantity) -> str:
    """Format a value for the page and the chart.

    Args:
        value: seconds for `seconds`, millions of bytes for `megabytes`, otherwise a ratio
        quantity: meaning of the value
    """
    if quantity == "share":
        return f"{100 * value:.2g} %"
    if quantity == "seconds":
        return f"{value:.2f} s"
    if quantity == "megabytes":
        return f"{value:,.{0 if value >= 100 else 2}f} MB"
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f}×"


def formatted_target(target: Bound, quantity: Quantity) -> str:
    """Format a target for the page and the chart.

    Args:
        target: the target
        quantity: meaning of its bound
    """
    return f"{'≥' if target.kind == 'at least' else '≤'} {formatted(target.bound, quantity)}"


def write(result: CaseResult, folder: Path) -> None:
    """Write the result of a case.

    Args:
        result: the result
        folder: folder of the result files
    """
    tables.write_text(_path(folder, result.case), json.dumps(asdict(result), indent=1, ensure_ascii=False) + "\n")


def read(folder: Path, case: str) -> CaseResult | None:
    """Return the result of a case, or None if it has none yet.

    Args:
        folder: folder of the result files
        case: name of the case
    """
    try:
        content = json.loads(_path(folder, case).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return CaseResult(case, tuple(_row(row) for row in content["rows"]), content["about"], content["skipped"])


def _path(folder: Path, case: str) -> Path:
    return folder / f"{case}.json"


def _row(fields: dict[str, Any]) -> Measurement:
    target, agreement = fields["target"], fields["agreement"]
    return Measurement(
        name=fields["name"],
        what=fields["what"],
        quantity=fields["quantity"],
        values=tuple(fields["values"]),
        target=target and Bound(**target),
        times_s={side: tuple(seconds) for side, seconds in fields["times_s"].items()},
        agreement=agreement and OutputComparison(**agreement),
        note=fields["note"],
    )
