"""Terminal output of a table of listeners: playing time, answers, repetitions, agreement, signs of carelessness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from tasks.labelling.people.agreement import Estimate
    from tasks.labelling.people.listener_checks import ListenerCheck

_NOTHING = "–"


def checks(listeners: Sequence[ListenerCheck]) -> None:
    """Print the table, and what its signs mean where there are any.

    Args:
        listeners: their figures
    """
    from tasks.labelling.people.listener_checks import REASONS

    table = Table(title="Listeners", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("listener", "n", "played", "too\nshort", "most\nfrequent", "same\nagain", "kappa", "careless"):
        is_text = name in ("listener", "most\nfrequent", "careless")
        table.add_column(name, justify="left" if is_text else "right", no_wrap=name != "listener")
    for check in listeners:
        table.add_row(
            escape(check.name),
            str(check.n),
            _NOTHING if check.played_s is None else f"{check.played_s:.1f} s",
            _share(check.n_too_short, check.n_timed),
            f"{escape(check.commonest)}\n{_share(check.n_commonest, check.n)}",
            f"{check.n_same}/{check.n_repeats}" if check.n_repeats else _NOTHING,
            _interval(check.kappa),
            escape(",\n".join(check.reasons)) or "no",
        )
    console = Console()
    console.print(table)
    console.print("Played: median seconds before a rating. Kappa: Cohen's, with the majority of the others.")
    for reason in sorted({reason for check in listeners for reason in check.reasons}):
        console.print(f"  {reason}: {REASONS[reason]}", highlight=False)
    if any(check.reasons for check in listeners):
        console.print("All ratings count as before. Listen to some of the clips before you leave a listener out.")


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else _NOTHING


def _interval(estimate: Estimate) -> str:
    if estimate.value is None:
        return _NOTHING
    bounds = "" if estimate.low is None or estimate.high is None else f"\n{estimate.low:.2f} to {estimate.high:.2f}"
    return f"{estimate.value:.2f}{bounds}"
