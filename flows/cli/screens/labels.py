"""What the terminal shows of labels: voters, combinations, thresholds, and what a voter has learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from tasks.labelling.quality.threshold import ThresholdPoint

_NOTHING = "–"
_BOUNDS = ("value", "low", "high")
_MOST_POINTS = 12


def worth(figures: Mapping[str, Any]) -> None:
    """Print voters and combinations, with scores where texts have been heard."""
    console = Console()
    console.print(_voters(figures))
    console.print(_combinations(figures))
    for one in figures["marks"]:
        right = ", ".join(f"{escape(name)} {_share(value)}" for name, value in one["right"].items())
        console.print(f"  {escape(one['mark'])} ({one['n']} texts), right: {right}")
    if figures["contradicted"]:
        console.print(
            f"{figures['contradicted']} labels are none that any voter gave: look at them before you use them."
        )
    if not figures["n_heard"]:
        console.print("Nobody has listened: undertone annotate collects votes, and these tables gain scores.")
        return
    console.print(
        f"Scores on {figures['n_heard']} texts of {figures['n_groups_heard']} groups; intervals "
        f"{figures['confidence']:.0%}, bootstrap over groups. Everywhere: no label counts as neutral."
    )


def proposal(points: Sequence[ThresholdPoint], found: Mapping[str, Any]) -> None:
    """Print the curve of thresholds, and the one that is proposed."""
    thresholds("Threshold, coverage, agreement with listeners", points)
    console = Console()
    console.print(
        f"Proposed: polarity.{found['parameter']}: {found['value']:.3f} (keeps {found['coverage']:.0%}; macro F1 "
        f"{found['macro_f1']:.3f} on the {found['n']} texts it was chosen on)"
    )
    if found["held_out"] is not None:
        console.print(f"Expect {found['held_out']:.3f}: what thresholds reach on videos they were not chosen on.")
    else:
        console.print("Chosen and judged on the same single video: listen to others before you quote it.")


def thresholds(title: str, points: Sequence[ThresholdPoint]) -> None:
    """Print what a stricter threshold costs and brings, in about a dozen steps from all labels to fewest."""
    table = Table(title=title)
    for name in ("threshold", "coverage", "n", "macro F1 (interval)"):
        table.add_column(name, justify="right", no_wrap=True)
    step = -(-len(points) // _MOST_POINTS) or 1
    for one in points[::step]:
        bounds = "" if one.low is None or one.high is None else f" ({one.low:.3f} to {one.high:.3f})"
        scored = _NOTHING if one.macro_f1 is None else f"{one.macro_f1:.3f}{bounds}"
        table.add_row(f"{one.threshold:.3f}", f"{one.coverage:.0%}", str(one.n), scored)
    Console().print(table)


def card(told: Mapping[str, Any], folder: Path) -> None:
    """Print what a voter learned from, and how it does on groups it has not seen."""
    held_out = told["held_out"]
    found = held_out["macro_f1"]
    console = Console()
    console.print(
        f"{escape(str(told['name']))} learned from {told['n_texts']} texts ({escape(str(told['trained_on']))}); "
        f"macro F1 {found['value']:.3f} ({found['low']:.3f}–{found['high']:.3f}), {held_out['protocol']}"
    )
    console.print(f"It lies in {folder}. To let it vote: polarity.voters: [vader, textblob, afinn, {told['name']}]")


def _voters(figures: Mapping[str, Any]) -> Table:
    table = Table(title=f"Voters, {figures['n']} texts")
    for name in ("voter", "votes", "polar", "conflict", "n", "accuracy", "macro F1"):
        table.add_column(name, justify="left" if name == "voter" else "right", no_wrap=name != "voter")
    for one in figures["voters"]:
        gold = one["gold"]
        shares = (_share(one[key]) for key in ("coverage", "polar", "conflict"))
        scored = (str(gold["n"]), _of(gold, "accuracy"), _of(gold)) if gold else (_NOTHING,) * 3
        table.add_row(escape(one["name"]), *shares, *scored)
    return table


def _combinations(figures: Mapping[str, Any]) -> Table:
    if not figures["n_heard"]:
        return _coverages(figures)
    best = next((one["gain"]["over"] for one in figures["combinations"] if one["gain"]), None)
    table = Table(title="What the votes come to")
    gain = f"macro F1\nover {escape(best)}" if best else "gain"
    for name in ("labels", "macro F1\nlabelled", "macro F1\neverywhere", "accuracy\neverywhere", gain):
        table.add_column(name, justify="left" if name == "labels" else "right", no_wrap=True)
    for one in figures["combinations"]:
        table.add_row(
            f"{one['name']}\n{_share(one['coverage'])}{', used' if one['used'] else ''}",
            _of(one["covered"]),
            _of(one["everywhere"]),
            _of(one["everywhere"], "accuracy"),
            _scored(*(one["gain"][key] for key in _BOUNDS), signed=True) if one["gain"] else _NOTHING,
        )
    return table


def _coverages(figures: Mapping[str, Any]) -> Table:
    table = Table(title="What the votes come to")
    for name in ("labels", "coverage"):
        table.add_column(name, justify="left" if name == "labels" else "right")
    for one in figures["combinations"]:
        table.add_row(f"{one['name']}{' (used)' if one['used'] else ''}", _share(one["coverage"]))
    return table


def _of(found: Mapping[str, Any] | None, score: str = "macro_f1") -> str:
    return _NOTHING if found is None else _scored(*(found[score][key] for key in _BOUNDS))


def _scored(value: float | None, low: float | None, high: float | None, *, signed: bool = False) -> str:
    if value is None:
        return _NOTHING
    form = "+.3f" if signed else ".3f"
    bounds = "" if low is None or high is None else f"\n{low:{form}}{' to ' if signed else '–'}{high:{form}}"
    return f"{value:{form}}{bounds}"


def _share(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.0%}"
