"""Terminal output of the weak path: headline scores, predictions, cached results, agreement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.cli.screens import experiments, labels
from tasks.core import artifacts, paths
from tasks.pages.common import score_text

if TYPE_CHECKING:
    from tasks.core.memo import Usage
    from tasks.labelling.people.agreement import Estimate
    from tasks.on_demand.published_votes import PublishedAgreement

AGREEMENT = {"percent": "pairwise agreement", "kappa": "Fleiss' kappa", "alpha": "Krippendorff's alpha"}


def headline(experiment: str) -> None:
    """Print the scores that the report shows, those of the baselines, the verdict and the protocol.

    Args:
        experiment: its name
    """
    metrics = artifacts.read_json(paths.experiment(experiment) / "results.json")
    console = Console()
    experiments.print_scores(console, metrics)
    if metrics.get("references"):
        console.print(experiments.references(metrics))
    console.print(escape(score_text.summary(metrics).why))
    console.print(f"[dim]{escape(metrics['protocol_in_words'])}[/]")


def memory(usage: Sequence[Usage], max_bytes: int) -> None:
    """Print number and size of each stage's cached results, and the limit on their size.

    Args:
        usage: of each stage
        max_bytes: limit on all of them; 0: none
    """
    table = Table(title="Cached results (.undertone/memo)")
    for name in ("stage", "results", "MB", "last used"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    for row in usage:
        newest = datetime.fromtimestamp(row.newest, UTC).strftime("%Y-%m-%d")
        table.add_row(row.stage, str(row.n_entries), f"{row.n_bytes / 1e6:.1f}", newest)
    table.add_section()
    total = sum(row.n_bytes for row in usage) / 1e6
    table.add_row("all", str(sum(row.n_entries for row in usage)), f"{total:.1f}", "")
    console = Console()
    console.print(table)
    limit = f"{max_bytes / 1e6:.0f} MB" if max_bytes else "none"
    console.print(f"Limit after each stage: {limit} (runtime.memo_max_bytes). To free space now: undertone cache clean")


def agreement(published: PublishedAgreement) -> None:
    """Print the agreement of published labels and ours with the majority of listeners, and among listeners.

    Args:
        published: the scores
    """
    table = Table(title=f"{escape(published.file)}: against the majority of listeners")
    macro_f1 = f"macro F1\n({published.confidence:.0%} interval)"
    for name in ("labels", "n", labels.RECALL, labels.PRECISION, macro_f1):
        table.add_column(name, justify="left" if name == "labels" else "right", no_wrap=name != "labels")
    for row in published.rows:
        bounds = "" if row.low is None or row.high is None else f"\n{row.low:.3f}–{row.high:.3f}"
        mark = labels.MARK if row.chosen_on else ""
        shares = (labels.by_class(row.by_class, name) for name in ("recall", "precision"))
        table.add_row(row.label, str(row.n), *shares, f"{row.macro_f1:.3f}{mark}{bounds}")
    console = Console()
    console.print(table)
    for sentence in published.rules:
        console.print(escape(sentence[0].upper() + sentence[1:] + "."))
    if any(row.chosen_on for row in published.rows):
        console.print(labels.MARKED)
    mark = labels.MARK if published.rows[-1].chosen_on else ""
    labels.thresholds(f"Scores by threshold on the mean vote, without hedges{mark}", published.curve)
    listeners = published.listeners
    console.print(f"Listeners: {listeners.ties} rows without a majority")
    for name, words in AGREEMENT.items():
        console.print(f"  {words}: {_with_interval(listeners.estimates[name])}")
    for name, value in listeners.against_majority.items():
        console.print(f"  {escape(name)} against the majority: macro F1 {value:.3f}")
    for name, value in listeners.leave_one_out.items():
        console.print(f"  {escape(name)} against the majority of the others: macro F1 {value:.3f}")
    if scores := listeners.leave_one_out.values():
        console.print(f"Human ceiling: listeners reach {min(scores):.3f} to {max(scores):.3f} against the others.")
    for repair in published.repairs:
        reading = f"{escape(repair.original)!r} read as {repair.corrected}"
        console.print(f"  row {repair.row}, {escape(repair.listener)}: {reading}")
    intervals = (
        f"Intervals: bootstrap over {published.n_videos} videos"
        if published.n_videos
        else "No intervals: they need the video of each row, in a column VideoId"
    )
    console.print(f"{intervals}. The texts have no stop words.")


def _with_interval(score: Estimate) -> str:
    if score.value is None:
        return "undefined: no row has two ratings, or all ratings are equal"
    bounds = "" if score.low is None or score.high is None else f" ({score.low:.3f} to {score.high:.3f})"
    return f"{score.value:.3f}{bounds}"
