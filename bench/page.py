"""Write the page from the results: a table of all measurements, the method and the conditions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench import cases, chart, measurements
from bench.measurements import CaseResult, Measurement, MedianRange
from tasks.core import tables

PAGE, CHART = "README.md", "speed.svg"
_HEAD = ("case", "what", "ours", "theirs", "median (least–most)", "n", "target", "met", "results")
_TITLE = """# Speed compared with other programs

`make bench` writes this page. `make bench ONLY="features decode"` measures only these cases and keeps the other rows.

![Speed compared with other programs](speed.svg)
"""
_METHOD = """## Method

- Both sides run in turn on the same input (A B A B …), each run in a fresh process. Ratios are medians over pairs of
  runs, with minimum and maximum. Two variants of undertone compared with the same peer share its runs (A B C A B C …).
  If undertone is compared with itself, A is the first named.
- Imports and reading settings are not timed, except for whole programs. Before timing, work inside one process is run
  once on a small input; help, stages with nothing to do and ffmpeg are run once in full; work that takes minutes is not
  warmed up. All files were read or written just before, so that no side waits for the disk.
- Whole programs keep compiled modules (`__pycache__`), as Python does by default.
- "1 core": the process and its children are bound to one core, and NumPy uses one thread; accordingly for 2 cores.
- Each case compares the outputs of both sides (column *results*).
- Peers are installed from [`requirements.lock`](requirements.lock) into a separate environment, `.venv-bench`,
  nkululeko without those of its dependencies that its extraction does not need
  ([`requirements-alone.lock`](requirements-alone.lock)); transformers is that of our environment; ffmpeg is Debian's
  (`apt-get install ffmpeg`).
- Simulated interviews are spoken by espeak-ng and stored by the stage `crawl` without its network access
  ([`crawled_projects.py`](crawled_projects.py)); a test compares them with a real crawl. The plain script is
  [`plain_weak_path.py`](plain_weak_path.py). Real speech and texts are not part of the repository.
"""


def write(folder: Path, results: Path) -> None:
    """Write the page and its chart from all existing results.

    Args:
        folder: output folder
        results: folder of the result files
    """
    case_results = [result for name in cases.NAMES if (result := measurements.read(results, name)) is not None]
    chart.write(folder / CHART, [row for result in case_results for row in result.rows])
    tables.write_text(folder / PAGE, text(case_results))


def text(results: Sequence[CaseResult]) -> str:
    """Return the page as Markdown.

    Args:
        results: results in the order of the page
    """
    table = [_line(_HEAD), _line(["---"] * len(_HEAD))]
    table += [_line(cells) for result in results for cells in _cells(result)]
    return "\n".join([_TITLE, *table, "", *_notes(results), _METHOD, *_about(results)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(result: CaseResult) -> list[list[str]]:
    if result.skipped:
        return [[result.case, f"skipped: {result.skipped}", *[""] * (len(_HEAD) - 2)]]
    return [_row_cells(row) for row in result.rows]


def _row_cells(row: Measurement) -> list[str]:
    spread = row.spread
    sides = [_time(MedianRange.of(times).median) for times in row.times_s.values()]
    agreement = "" if row.agreement is None else ("" if row.agreement.holds else "**differ**: ") + row.agreement.text
    return [
        row.name,
        row.what,
        *[*sides, "", ""][:2],
        f"**{measurements.formatted(spread.median, row.quantity)}** ({_range(row)}) {_unit(row)}".rstrip(),
        str(spread.n),
        "" if row.target is None else measurements.formatted_target(row.target, row.quantity),
        {None: "", True: "yes", False: "**no**"}[row.met],
        agreement,
    ]


def _range(row: Measurement) -> str:
    return "–".join(measurements.formatted(value, row.quantity) for value in (row.spread.least, row.spread.most))


def _time(time_s: float) -> str:
    return f"{time_s:,.0f} s" if time_s >= 100 else f"{time_s:.3g} s"


def _unit(row: Measurement) -> str:
    """Return the unit of a row's values in words."""
    peer = list(row.times_s)[1:]
    if row.quantity == "times faster":
        return f"faster than {peer[0]}"
    units = {"seconds": "", "megabytes": "", "share": "of the time"}
    return units.get(row.quantity, row.quantity.removeprefix("times "))


def _notes(results: Sequence[CaseResult]) -> list[str]:
    rows_by_note: dict[str, list[str]] = {}
    for row in (row for result in results for row in result.rows if row.note):
        rows_by_note.setdefault(row.note, []).append(row.name)
    lines = [f"- *{', '.join(names)}*: {note}" for note, names in rows_by_note.items()]
    return [*lines, ""] if lines else []


def _about(results: Sequence[CaseResult]) -> list[str]:
    """Return the conditions of the measurements; cases with equal conditions share a line."""
    cases_by_conditions: dict[str, list[str]] = {}
    for result in (result for result in results if not result.skipped):
        cases_by_conditions.setdefault(_conditions(result), []).append(result.case)
    lines = [f"- **{', '.join(names)}**: {conditions}" for conditions, names in cases_by_conditions.items()]
    return ["## Conditions", "", *lines, ""]


def _conditions(result: CaseResult) -> str:
    about = result.about
    versions = [
        ", ".join(f"{name} {version}" for name, version in about[side].items()) for side in ("versions", "peers")
    ]
    return (
        f"{about['date']}, commit {about['commit']}, {about['cpu']}, {about['cores']} cores, {about['system']}, "
        f"Python {about['python']}. Ours: {versions[0]}. Theirs: {versions[1]}."
    )
