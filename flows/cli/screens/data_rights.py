"""Terminal output of `undertone forget` and `undertone lists check`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tasks.on_demand import list_check

if TYPE_CHECKING:
    from flows.runs.forgetting import Removal


def removal(result: Removal) -> None:
    """Print what is or would be removed, and what remains to do.

    Args:
        result: of a removal
    """
    console = Console()
    verb = "Would be removed" if result.dry_run else "Removed"
    table = Table(title=escape(f"{verb}: the {result.subject.kind} {result.subject.name}"), title_justify="left")
    table.add_column("where")
    table.add_column("pieces", justify="right")
    table.add_column("which", overflow="fold")
    for line in result.lines:
        table.add_row(escape(line.where), str(line.n), escape(line.detail))
    if result.lines:
        console.print(table)
    else:
        console.print(escape(f"Nothing is left of the {result.subject.kind} {result.subject.name}"))
    if result.experiments:
        names = ", ".join(result.experiments)
        refused = "would be refused" if result.dry_run else "are refused"
        console.print(escape(f"Models of {names} {refused} until they are trained again without the data:"))
        console.print(escape("  undertone run --all"))
    for text in result.left:
        console.print(escape(f"By hand: {text}"), soft_wrap=True)


def listed(rows: Sequence[dict[str, Any]]) -> None:
    """Print how many entries of the lists exist, and those that do not.

    Args:
        rows: from `list_check.check`
    """
    console = Console()
    table = Table()
    for column in ("state", "split", "Id", "URL", "why"):
        table.add_column(column, overflow="fold")
    others = [row for row in rows if row["state"] != list_check.EXISTS]
    for row in others:
        table.add_row(*(escape(str(row[name])) for name in ("state", "split", "id", "url", "detail")))
    if others:
        console.print(table)
    counted = ", ".join(f"{state}: {n}" for state, n in list_check.counts(rows).items())
    console.print(escape(f"{len(rows)} entries. {counted}"))
