"""`python -m bench [CASE…]`: measures, and writes the page; `make bench` calls it."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import cases, machine, page, rows
from bench.commands import ROOT
from bench.method import Bench, RunFailed, Skipped
from bench.rows import Result

Measure = Callable[[Bench], list[rows.Row]]
LEAST_RUNS = 5
_INTERRUPTED = 130
_SCRATCH, _QUICK = ROOT / ".bench", ROOT / "build" / "bench-quick"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the cases named on the command line; return 1 if one failed or its results differ, else 0."""
    asked = _parser().parse_args(arguments)
    out: Path = asked.out or (_QUICK if asked.quick else ROOT / "bench")
    folder = _SCRATCH / ("quick" if asked.quick else "full")
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(folder, asked.runs, asked.quick)
    chosen = {name: find(name) for name in asked.cases or cases.NAMES}
    try:
        failed = measured(chosen, bench, out / "results")
    except KeyboardInterrupt:
        _say("stopped; the results of finished cases are kept")
        return _INTERRUPTED
    page.write(out, out / "results")
    _say(f"The page: {out / page.PAGE}")
    return int(failed)


def find(name: str) -> Measure:
    """Return what measures a case."""
    found: Measure = importlib.import_module(f"bench.cases.{name.replace('-', '_')}").measure
    return found


def measured(chosen: dict[str, Measure], bench: Bench, results: Path) -> bool:
    """Measure cases, each into its own file, so that one that fails costs no other; return whether one went wrong."""
    wrong, about = False, machine.about()
    with _progress() as bar:
        line = bar.add_task("", total=len(chosen), note="")
        for name, measure in chosen.items():
            told = replace(bench, tell=lambda text: bar.update(line, note=text))
            bar.update(line, description=name, note="preparing")
            try:
                result = Result(name, tuple(measure(told)), {**about, "quick": bench.quick})
            except Skipped as error:
                _skip(name, str(error), results)
            except RunFailed as error:
                wrong = True
                _say(f"{name}: a run failed:\n{error}")
            else:
                rows.write(result, results)
                wrong |= _report(result)
            bar.advance(line)
    return wrong


def _skip(name: str, reason: str, results: Path) -> None:
    """Say why a case was not measured; what another machine has measured is kept."""
    _say(f"{name}: skipped: {reason}")
    known = rows.read(results, name)
    if known is None or known.skipped:
        rows.write(Result(name, (), {}, reason), results)


def _report(result: Result) -> bool:
    """Print what a case found; return whether the two sides' results differ."""
    for row in result.rows:
        target = "" if row.target is None else f", target {rows.bound(row.target, row.figure)}"
        spread = " to ".join(rows.shown(value, row.figure) for value in (row.spread.least, row.spread.most))
        _say(f"{row.name}: {rows.shown(row.spread.median, row.figure)} ({spread}, n = {row.spread.n}){target}")
        if row.agreement is not None:
            _say(f"  {row.agreement.text}")
    return any(row.agreement is not None and not row.agreement.holds for row in result.rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("cases", nargs="*", type=_case, metavar="CASE", help=f"{', '.join(cases.NAMES)}; all if none")
    parser.add_argument("--runs", type=_runs, default=LEAST_RUNS, help=f"runs of each side (default {LEAST_RUNS})")
    parser.add_argument("--quick", action="store_true", help="toy sizes, to see that it works; written elsewhere")
    parser.add_argument("--out", type=Path, help="where the page, the chart and results/ go (default bench/)")
    return parser


def _case(name: str) -> str:
    if name in cases.NAMES:
        return name
    raise argparse.ArgumentTypeError(f"there is no case {name!r}; the cases are {', '.join(cases.NAMES)}")


def _runs(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected how many runs, such as {LEAST_RUNS}; found {text!r}")


def _progress() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    text = [TextColumn("{task.description:>12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    return Progress(*text, TextColumn("{task.fields[note]}"), console=Console(stderr=True))


def _say(text: str) -> None:
    print(text)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
