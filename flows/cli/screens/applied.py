"""Terminal output of applied models: progress, scored utterances, warnings and files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    from tasks.on_demand.applying.run import Applied

_MAX_ROWS = 40
_MAX_WORDS = 200
_STYLES = {"negative": "red", "neutral": "yellow", "positive": "green"}
_UNITS = {
    "captions": "utterance{s} by its captions",
    "recognised": "recognised utterance{s}",
    "windows": "window{s}",
    "file": "file as a whole",
}


@contextmanager
def progress(title: str) -> Iterator[Callable[[float], None]]:
    """Show a bar on terminals, and nothing elsewhere; yield the function that moves it to a share.

    Args:
        title: of the bar
    """
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(Text(title).plain.replace("[", r"\["), total=1.0)
        yield lambda share: bar.update(task, completed=share)


def result(applied: Applied, place: str, *, whole: bool) -> None:
    """Print what was scored, what was left out, the warnings and the files.

    Args:
        applied: of one medium
        place: of the medium among all, such as `[2/9] `
        whole: print every utterance, not only their number
    """
    console, errors = Console(), Console(stderr=True)
    if whole:
        console.print(_table(applied))
        if (more := len(applied.rows) - _MAX_ROWS) > 0:
            console.print(f"… and {more} more in the files")
    speed = applied.duration_s / applied.seconds
    counts = ", ".join(f"{count} {name}" for name, count in Counter(map(_class, applied.rows)).most_common(8))
    line = f"{place}{applied.source}: {_counted(applied)}"
    console.print(Text(f"{line} ({counts}); {applied.seconds:.1f} s, {speed:.0f} × real time"), soft_wrap=True)
    for warning in applied.warnings:
        errors.print(Text(f"warning: {applied.source}: {warning}"), soft_wrap=True)
    for reason, count in Counter(reject.reason for reject in applied.rejects).most_common():
        console.print(Text(f"  left out: {count} {reason}", "dim"))
    for path in applied.files.values():
        console.print(Text(f"  {path}"), soft_wrap=True)


def _table(applied: Applied) -> Table:
    title = Text(f"{applied.name}: {_counted(applied)}")
    right = (Column(name, justify="right", no_wrap=True) for name in ("from", "to"))
    table = Table(*right, "predicted", Column("novelty", justify="right"), "text", title=title)
    for row in applied.rows[:_MAX_ROWS]:
        style = _STYLES.get(row.predicted, "") if isinstance(row.predicted, str) else ""
        novelty = "" if row.novelty is None else f"{row.novelty:.2f}{'!' if row.outside else ''}"
        words = Text(row.text[:_MAX_WORDS])
        table.add_row(f"{row.start_s:.1f} s", f"{row.end_s:.1f} s", Text(row.in_words, style), novelty, words)
    return table


def _counted(applied: Applied) -> str:
    n_rows = len(applied.rows)
    return f"{n_rows} {_UNITS[applied.unit].format(s='' if n_rows == 1 else 's')}"


def _class(row: object) -> str:
    predicted = getattr(row, "predicted", "")
    if isinstance(predicted, list):
        return " + ".join(predicted) or "none"
    if predicted == "":
        return "unsure"
    return predicted if isinstance(predicted, str) else "values"
