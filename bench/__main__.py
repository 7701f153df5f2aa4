"""`python -m bench [CASE…]`: measure cases and write the page; called by `make bench`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import cases, machine, measurements, page
from bench.commands import ROOT
from bench.measurements import CaseResult, formatted, formatted_target
from bench.runner import Bench, RunFailed, Skipped

Measure = Callable[[Bench], list[measurements.Measurement]]
DEFAULT_RUNS = 5
_INTERRUPTED = 130
_SCRATCH, _QUICK = ROOT / ".bench", ROOT / "build" / "bench-quick"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the cases named on the command line.

    Args:
        arguments: command-line arguments; None: those of the process

    Returns:
        exit status: 1 if a case failed or the results of its sides differ, else 0
    """
    options = _parser().parse_args(arguments)
    out: Path = options.out or (_QUICK if options.quick else ROOT / "bench")
    folder = _SCRATCH / ("quick" if options.quick else "full")
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(folder, options.runs, options.quick)
    selected = {name: find(name) for name in options.cases or cases.NAMES}
    try:
        failed = measure_cases(selected, bench, out / "results")
    except KeyboardInterrupt:
        _print("stopped; the results of finished cases are kept")
        return _INTERRUPTED
    page.write(out, out / "results")
    _print(f"The page: {out / page.PAGE}")
    return int(failed)


def find(name: str) -> Measure:
    """Return the `measure` function of a case.

    Args:
        name: a name in `cases.NAMES`
    """
    measure: Measure = importlib.import_module(f"bench.cases.{name.replace('-', '_')}").measure
    return measure


def measure_cases(selected: dict[str, Measure], bench: Bench, results: Path) -> bool:
    """Measure cases one after the other; a failed case does not stop the others.

    Args:
        selected: case name → function that measures it
        bench: settings of the runs
        results: folder of the result files, one per case

    Returns:
        whether a case failed or the results of its sides differ
    """
    wrong, about = False, machine.about()
    with _progress() as bar:
        line = bar.add_task("", total=len(selected), note="")
        for name, measure in selected.items():
            reporting = replace(bench, progress=lambda text: bar.update(line, note=text))
            bar.update(line, description=name, note="preparing")
            try:
                result = CaseResult(name, tuple(measure(reporting)), {**about, "quick": bench.quick})
            except Skipped as error:
                _skip(name, str(error), results)
            except RunFailed as error:
                wrong = True
                _print(f"{name}: a run failed:\n{error}")
            else:
                measurements.write(result, results)
                wrong |= _report(result)
            bar.advance(line)
    return wrong


def _skip(name: str, reason: str, results: Path) -> None:
    """Report a skipped case; an existing result, for example from another machine, is kept."""
    _print(f"{name}: skipped: {reason}")
    previous = measurements.read(results, name)
    if previous is None or previous.skipped:
        measurements.write(CaseResult(name, (), {}, reason), results)


def _report(result: CaseResult) -> bool:
    """Print the measurements of a case; return whether the results of its sides differ."""
    for row in result.rows:
        target = "" if row.target is None else f", target {formatted_target(row.target, row.quantity)}"
        spread = " to ".join(
            measurements.formatted(value, row.quantity) for value in (row.spread.least, row.spread.most)
        )
        _print(f"{row.name}: {formatted(row.spread.median, row.quantity)} ({spread}, n = {row.spread.n}){target}")
        if row.agreement is not None:
            _print(f"  {row.agreement.text}")
    return any(row.agreement is not None and not row.agreement.holds for row in result.rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("cases", nargs="*", type=_case, metavar="CASE", help=f"{', '.join(cases.NAMES)}; all if none")
    parser.add_argument("--runs", type=_runs, default=DEFAULT_RUNS, help=f"runs per side (default {DEFAULT_RUNS})")
    parser.add_argument("--quick", action="store_true", help="small sizes, to test the benchmark; separate output")
    parser.add_argument("--out", type=Path, help="folder of the page, the chart and results/ (default bench/)")
    return parser


def _case(name: str) -> str:
    if name in cases.NAMES:
        return name
    raise argparse.ArgumentTypeError(f"there is no case {name!r}; the cases are {', '.join(cases.NAMES)}")


def _runs(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a number of runs, such as {DEFAULT_RUNS}; found {text!r}")


def _progress() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    text = [TextColumn("{task.description:>12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    return Progress(*text, TextColumn("{task.fields[note]}"), console=Console(stderr=True))


def _print(text: str) -> None:
    print(text)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
