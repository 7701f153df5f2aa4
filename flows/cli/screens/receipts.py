"""Terminal output of `undertone verify`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from tasks.on_demand.receipts.comparison import ComparedLine, Verdict

_KINDS = {
    "revision": "revisions", "version": "versions", "platform": "platform", "code": "code of stages",
    "input": "inputs", "parameter": "parameters", "output": "outputs of stages", "score": "scores",
    "digest": "digests of results and model",
}  # fmt: skip
_MAX_LINES = 40
_MAX_CELL = 60


def verdict(result: Verdict, names: Sequence[str], *, everything: bool) -> None:
    """Print how much is the same, what differs, and the first difference.

    Args:
        result: of a comparison
        names: of the receipt's experiments
        everything: also print lines without a difference
    """
    console = Console()
    summary = Table(title=escape(f"Receipt of {', '.join(names)}"), title_justify="left")
    for column in ("compared", "the same", "different"):
        summary.add_column(column, justify="left" if column == "compared" else "right")
    for kind, title in _KINDS.items():
        n_same, n = result.count(kind)
        if n:
            summary.add_row(title, str(n_same), str(n - n_same) if n > n_same else "")
    console.print(summary)
    lines = result.lines if everything else result.differences
    if lines:
        console.print(_table(lines[:_MAX_LINES]))
        if len(lines) > _MAX_LINES:
            console.print(f"… and {len(lines) - _MAX_LINES} more lines")
    if result.first is not None:
        line = result.first
        console.print(escape(f"First difference: {line.kind} {line.name}: {_cell(line.receipt)} in the receipt, "
                             f"{_cell(line.actual)} here"), soft_wrap=True)  # fmt: skip
    elif result.other_versions:
        console.print("Verified: every score is the same, although versions, revision or platform differ.")
    else:
        console.print("Verified: every score and every digest is the same.")


def _table(lines: Sequence[ComparedLine]) -> Table:
    table = Table()
    for column in ("", "what", "receipt", "here"):
        table.add_column(column, overflow="fold")
    for line in lines:
        table.add_row(line.kind, escape(line.name), escape(_cell(line.receipt)), escape(_cell(line.actual)))
    return table


def _cell(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict) and "value" in value:
        bounds = [value.get("low"), value.get("high")]
        interval = "" if None in bounds else f" ({bounds[0]:.4f}–{bounds[1]:.4f})"
        return f"{value['value']!r}{interval}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_CELL else f"{text[: _MAX_CELL - 1]}…"
