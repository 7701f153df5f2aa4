"""From the results to the page: one table of all that was measured, how, and on what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench import cases, chart, rows
from bench.rows import Result, Row, Spread
from tasks.core import tables

PAGE, CHART = "README.md", "speed.svg"
_HEAD = ("case", "what", "ours", "theirs", "median (least–most)", "n", "target", "met", "results")
_TITLE = """# Measured, side by side

`make bench` writes this page; `make bench ONLY="features decode"` measures some cases and leaves the other rows.

![Speed beside other programs](speed.svg)
"""
_METHOD = """## How

- Both sides in turn on the same input (A B A B …), every run in a fresh process; a figure is the median of the ratios
  of the pairs, with the least and the most. Where two of ours stand beside the same peer, they share its runs
  (A B C A B C …); where undertone is measured against itself, A is the first named.
- Imports and reading settings are not timed, unless a whole program is named. What runs inside one process is called
  once on a little input before, help, known stages and ffmpeg once as they are; what takes minutes is not.
  All files were read or written just before, so that no side waits for a disk.
- "1 core" is one: the process and all it starts are bound to it, and NumPy's threads are one. On two they are two.
- Each case compares what both sides made (column *results*).
- Peers are installed from [`requirements.lock`](requirements.lock) into an environment of their own, `.venv-bench`;
  ffmpeg is Debian's (`apt-get install ffmpeg`).
- Simulated interviews are spoken by espeak-ng and stored by the stage `crawl` with the network taken out
  ([`crawled.py`](crawled.py)); a test holds them against a real crawl. The plain script is
  [`plain_weak_path.py`](plain_weak_path.py). Real speech and texts lie beside the checkout and are in no repository.
"""


def write(folder: Path, results: Path) -> None:
    """Write the page and its chart from all results there are.

    Args:
        folder: where they go
        results: the folder of results
    """
    found = [result for name in cases.NAMES if (result := rows.read(results, name)) is not None]
    chart.write(folder / CHART, [row for result in found for row in result.rows])
    tables.write_text(folder / PAGE, text(found))


def text(results: Sequence[Result]) -> str:
    """Return the page."""
    table = [_line(_HEAD), _line(["---"] * len(_HEAD))]
    table += [_line(cells) for result in results for cells in _cells(result)]
    return "\n".join([_TITLE, *table, "", *_notes(results), _METHOD, *_about(results)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(result: Result) -> list[list[str]]:
    if result.skipped:
        return [[result.case, f"skipped: {result.skipped}", *[""] * (len(_HEAD) - 2)]]
    return [_row_cells(row) for row in result.rows]


def _row_cells(row: Row) -> list[str]:
    spread = row.spread
    sides = [_time(Spread.of(times).median) for times in row.times_s.values()]
    agreement = "" if row.agreement is None else ("" if row.agreement.holds else "**differ**: ") + row.agreement.text
    return [
        row.name,
        row.what,
        *[*sides, "", ""][:2],
        f"**{rows.shown(spread.median, row.figure)}** ({_range(row)}) {_of(row)}".rstrip(),
        str(spread.n),
        "" if row.target is None else rows.bound(row.target, row.figure),
        {None: "", True: "yes", False: "**no**"}[row.met],
        agreement,
    ]


def _range(row: Row) -> str:
    return "–".join(rows.shown(value, row.figure) for value in (row.spread.least, row.spread.most))


def _time(time_s: float) -> str:
    return f"{time_s:,.0f} s" if time_s >= 100 else f"{time_s:.3g} s"


def _of(row: Row) -> str:
    """Return what a figure is, in the words of the row."""
    peer = list(row.times_s)[1:]
    if row.figure == "times faster":
        return f"faster than {peer[0]}"
    return {"seconds": "", "share": "of the time"}.get(row.figure, row.figure.removeprefix("times "))


def _notes(results: Sequence[Result]) -> list[str]:
    said: dict[str, list[str]] = {}
    for row in (row for result in results for row in result.rows if row.note):
        said.setdefault(row.note, []).append(row.name)
    lines = [f"- *{', '.join(names)}*: {note}" for note, names in said.items()]
    return [*lines, ""] if lines else []


def _about(results: Sequence[Result]) -> list[str]:
    """Return on what it was measured; cases measured together stand together."""
    together: dict[str, list[str]] = {}
    for result in (result for result in results if not result.skipped):
        together.setdefault(_on(result), []).append(result.case)
    lines = [f"- **{', '.join(names)}**: {on}" for on, names in together.items()]
    return ["## On what", "", *lines, ""]


def _on(result: Result) -> str:
    about = result.about
    versions = [
        ", ".join(f"{name} {version}" for name, version in about[side].items()) for side in ("versions", "peers")
    ]
    return (
        f"{about['date']}, commit {about['commit']}, {about['cpu']}, {about['cores']} cores, {about['system']}, "
        f"Python {about['python']}. Ours: {versions[0]}. Theirs: {versions[1]}."
    )
