"""What the terminal shows: small tables of figures that stand in files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.cli.screens import labels
from tasks.core import paths
from tasks.pages.common import headline as figures

if TYPE_CHECKING:
    from tasks.core.memo import Usage
    from tasks.labelling.people.agreement import Estimate
    from tasks.on_demand.predict import Prediction
    from tasks.on_demand.published_votes import PublishedAgreement

_COLOURS = {"negative": "red", "neutral": "yellow", "positive": "green"}
_MOST_ROWS = 40
AGREEMENT = {"percent": "pairwise agreement", "kappa": "Fleiss' kappa", "alpha": "Krippendorff's alpha"}


def headline() -> None:
    """Print the test figures beside both baselines, the verdict on them, and the protocol."""
    metrics = json.loads(paths.METRICS.read_text(encoding="utf-8"))
    rows = figures.headline(metrics)
    table = Table(title=f"Held-out videos, {rows[0].n} utterances ({metrics['protocol']['confidence']:.0%} interval)")
    for name in ("", *figures.SYSTEMS.values()):
        table.add_column(name)
    for row in rows:
        cells = (f"{one.value:.3f}\n[dim]{one.interval}[/]" for one in (row.classifier, row.majority, row.shuffled))
        table.add_row(row.label, *cells)
    console = Console()
    console.print(table)
    console.print(figures.verdict(metrics))
    console.print(f"[dim]{escape(metrics['protocol']['words'])}[/]")


def predictions(found: Prediction) -> None:
    """Print what was predicted, utterance by utterance, and where the CSV and the picture lie."""
    table = Table(title=f"{found.name}: {len(found.rows)} {found.unit}")
    for name in ("from", "to", "sentiment", "margin", "text"):
        table.add_column(name, justify="left" if name in ("sentiment", "text") else "right")
    for row in found.rows[:_MOST_ROWS]:
        label = f"[{_COLOURS[row.predicted]}]{row.predicted}[/]"
        table.add_row(f"{row.start_s:.1f} s", f"{row.end_s:.1f} s", label, f"{row.margin:.2f}", escape(row.text))
    console = Console()
    console.print(table)
    if len(found.rows) > _MOST_ROWS:
        console.print(f"… and {len(found.rows) - _MOST_ROWS} more in the CSV")
    for reason, count in Counter(reject.reason for reject in found.rejects).most_common():
        console.print(f"[dim]left out: {count} {escape(reason)}[/]")
    console.print(f"{found.csv}\n{found.picture}")


def memory(usage: Sequence[Usage], max_bytes: int) -> None:
    """Print what each stage's remembered results take up, and the bound on all of them."""
    table = Table(title="Remembered results (.undertone/memo)")
    for name in ("stage", "results", "MB", "last of use"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    for row in usage:
        newest = datetime.fromtimestamp(row.newest, UTC).strftime("%Y-%m-%d")
        table.add_row(row.stage, str(row.n_entries), f"{row.n_bytes / 1e6:.1f}", newest)
    table.add_section()
    total = sum(row.n_bytes for row in usage) / 1e6
    table.add_row("all", str(sum(row.n_entries for row in usage)), f"{total:.1f}", "")
    console = Console()
    console.print(table)
    bound = f"at most {max_bytes / 1e6:.0f} MB stay" if max_bytes else "no limit is set"
    console.print(f"After each stage {bound} (runtime.memo_max_bytes); `undertone cache clean` makes room now.")


def agreement(found: PublishedAgreement) -> None:
    """Print how published labels and ours agree with the majority of listeners, and the listeners among themselves."""
    table = Table(title=f"{escape(found.file)}: against the majority of listeners")
    for name in ("labels", "n", f"macro F1 ({found.confidence:.0%} interval)", "precision", "recall"):
        table.add_column(name, justify="left" if name == "labels" else "right")
    for row in found.rows:
        bounds = "" if row.low is None or row.high is None else f" ({row.low:.3f} to {row.high:.3f})"
        table.add_row(row.label, str(row.n), f"{row.macro_f1:.3f}{bounds}", f"{row.precision:.3f}", f"{row.recall:.3f}")
    console = Console()
    console.print(table)
    labels.thresholds("What a threshold on the mean vote costs and brings, hedges taken out", found.curve)
    heard = found.listeners
    console.print(f"Listeners: {heard.ties} rows without a majority")
    for name, words in AGREEMENT.items():
        console.print(f"  {words}: {_with_interval(heard.estimates[name])}")
    for name, value in heard.against_majority.items():
        console.print(f"  {escape(name)} against the majority: macro F1 {value:.3f}")
    for name, value in heard.leave_one_out.items():
        console.print(f"  {escape(name)} against the majority of the others: macro F1 {value:.3f}")
    if heard.leave_one_out:
        low, high = min(heard.leave_one_out.values()), max(heard.leave_one_out.values())
        console.print(f"The ceiling: a listener reaches {low:.3f} to {high:.3f} against the others.")
    for repair in found.repairs:
        reading = f"{escape(repair.original)!r} read as {repair.corrected}"
        console.print(f"  row {repair.row}, {escape(repair.listener)}: {reading}")
    console.print(f"Intervals: bootstrap over {found.n_videos} videos. The texts lack stop words.")


def _with_interval(figure: Estimate) -> str:
    if figure.value is None:
        return "not defined: no row has two votes, or all votes are the same"
    bounds = "" if figure.low is None or figure.high is None else f" ({figure.low:.3f} to {figure.high:.3f})"
    return f"{figure.value:.3f}{bounds}"
