"""Terminal output of experiments: recipes and scores, baselines, comparisons, published recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from tasks.leaks.finding import AuditReport
from tasks.pages.common import audit_page, result_marks, score_text
from tasks.pages.experiment import adaptation, published_score

if TYPE_CHECKING:
    from tasks.core.config import Config
    from tasks.on_demand.compare_experiments import Comparison

_SIDES = ("honest", "leaky")
_CHANCE = ("majority", score_text.SHUFFLED)
_WIDEST = 18


def overview(config: Config, results: Sequence[Mapping[str, Any]], only: Sequence[str] = ()) -> None:
    """Print recipes with their protocols and, if they have been run, their scores beside those of their sources.

    Args:
        config: all settings
        results: `results.json` of experiments
        only: names of the experiments to print; all if empty
    """
    console = Console()
    if not config.experiments:
        console.print("params.yaml has no experiment yet. Add a published recipe: undertone experiment new")
        return
    by_name = {metrics["experiment"]: metrics for metrics in results}
    score = Column("score (interval)", no_wrap=True)
    chance = (Column("majority", no_wrap=True), Column("shuffled", no_wrap=True))
    table = Table(Column("experiment", overflow="fold"), score, *chance, title="Experiments", show_lines=True)
    shown = [name for name in config.experiments if not only or name in only]
    published = {name: _published(by_name[name]) for name in shown if name in by_name}
    if any(published.values()):
        table.add_column("published", max_width=_WIDEST)
    for name in shown:
        row = _row(config, name, config.experiments[name].protocol, by_name.get(name))
        table.add_row(*row, *([published.get(name, "")] if any(published.values()) else []))
    console.print(table)


def _row(config: Config, name: str, protocol: str, metrics: Mapping[str, Any] | None) -> tuple[Text | str, ...]:
    title = Text(name)
    title.append(f"\n{metrics['protocol'] if metrics else protocol}", "dim")
    if metrics is None:
        return title, Text("not run yet", "dim"), "", ""
    if score_text.leak(metrics):
        title.append(" LEAKY", "red")
    title.append(f", n = {metrics['n']:,}{', simulated' if metrics.get('simulated') else ''}", "dim")
    title.append("".join(f"\n{mark}" for mark in result_marks.all_of(metrics, config)), "red")
    main = score_text.headline(metrics)
    score = Text.assemble((f"{score_text.NAMES[main]}\n", "dim"), _interval(metrics["scores"][main]))
    if adapted := metrics.get(adaptation.KEY):
        score.append(f"\n{adapted['name']}\n", "dim").append(_interval(adapted["scores"][main]))
    return title, score, *(f"\n{metrics['baselines'][baseline][main]['value']:.3f}" for baseline in _CHANCE)


def _published(metrics: Mapping[str, Any]) -> Text:
    """Return the score that the recipe's source reports, and the experiment's own if the headline is another one."""
    source = published_score.source_score(metrics)
    if source is None:
        return Text()
    text = Text(source.score)
    if source.leaky:
        text.append(" LEAKY", "red")
    if source.measure and source.measure != score_text.headline(metrics):
        text.append(f"\nhere {metrics['scores'][source.measure]['value']:.3f}", "dim")
    return text


def result(config: Config, metrics: Mapping[str, Any], audit: AuditReport, cost: Mapping[str, Any] | None) -> None:
    """Print one experiment's scores, those of its baselines and classes, its protocol, its audit and its cost.

    Args:
        config: all settings
        metrics: its `results.json`
        audit: of its folds, with the checks that found nothing; `results.json` has only the others
        cost: of its training on this machine, if known
    """
    console = Console()
    print_scores(console, metrics)
    if source := published_score.source_score(metrics):
        leaky = ", leaky" if source.leaky else ""
        under = f", under its protocol {source.protocol}" if source.protocol else ""
        console.print(Text(f"Published by {source.source}: {source.score}{leaky}{under}"))
    if metrics.get("references"):
        console.print(references(metrics))
    scored = metrics["scores"]
    if "per_value" in scored:
        console.print(_by_value(scored["per_value"]))
    # results of an earlier version have only the F1 of labels
    of_each = scored.get("per_class") or scored.get("per_label") or {}
    if all("support" in scores for scores in of_each.values()) and of_each:
        console.print(_by_class("class" if metrics["task"] == "classes" else "label", of_each))
    for bound, by_label in scored.get("per_label_above", {}).items():
        console.print(_by_class(f"emotion, predicted above {bound}", by_label))
    console.print(Text(f"{metrics['protocol']}: {metrics['protocol_in_words']}", "red" if metrics["leaky"] else ""))
    if adapted := metrics.get(adaptation.KEY):
        console.print(Text(f"{adapted['protocol']}: {adapted['in_words']}"))
        for sentence in adaptation.sentences(metrics):
            console.print(Text(sentence, "dim"))
        if warning := adaptation.warning(metrics):
            console.print(Text(f"One-sided clips: {warning}", "red"))
    confidence = f"{metrics['confidence']:.0%}"
    console.print(Text(f"n = {metrics['n']:,}; {confidence} intervals over {metrics['n_groups']:,} groups", "dim"))
    _print_audit(console, audit)
    if cost:
        spent = ", ".join(f"{name} {seconds:,.1f} s" for name, seconds in cost["training_s"].items())
        console.print(Text(f"Training: {spent}; at most {cost['peak_mb']:,.0f} MB in one process", "dim"))
    if marks := result_marks.all_of(metrics, config):
        advice = f"To update: undertone experiment run {metrics['experiment']}"
        console.print(Text(f"These results are {'; '.join(marks)}. {advice}", "red"))


def _print_audit(console: Console, audit: AuditReport) -> None:
    """Print the findings, most severe first, and the names of the checks that found nothing."""
    for finding in audit_page.ranked(audit):
        counts = f"{finding.n:,} of {finding.of:,}"
        console.print(Text(f"{finding.severity}: {finding.check} ({counts}): {finding.what}", "dim"))
    if clear := [finding.check for finding in audit.findings if not finding.n]:
        console.print(Text(f"Not found: {', '.join(clear)}", "dim"))


def print_scores(console: Console, metrics: Mapping[str, Any]) -> None:
    """Print why the test set shows little, if it does, and the table of scores.

    Args:
        console: the terminal
        metrics: the experiment's `results.json`
    """
    for notice in score_text.notices(metrics):
        console.print(Text(notice, "yellow"))
    console.print(score_table(metrics))


def score_table(metrics: Mapping[str, Any]) -> Table:
    """Return the table of an experiment's scores and those of its baselines.

    Args:
        metrics: its `results.json`
    """
    title = metrics["experiment"] + (" (simulated)" if metrics.get("simulated") else "")
    by_system = {"the recipe": metrics["scores"], **metrics["baselines"]}
    if adapted := metrics.get(adaptation.KEY):
        by_system[adapted["name"]] = adapted["scores"]
    table = Table("score", *(Column(Text(name)) for name in by_system), title=Text(title))
    for name in score_text.measures(metrics):
        table.add_row(score_text.NAMES[name], *(_interval(of_system[name]) for of_system in by_system.values()))
    return table


def _by_class(first: str, of_each: Mapping[str, Any]) -> Table:
    table = Table(first, *(Column(head, justify="right") for head in ("precision", "recall", "F1", "support")))
    for name, scores in of_each.items():
        values = (f"{scores[key]:.3f}" for key in ("precision", "recall", "f1"))
        table.add_row(Text(name), *values, f"{scores['support']:,}")
    return table


def _by_value(of_each: Mapping[str, Any]) -> Table:
    measures = list(next(iter(of_each.values())))
    table = Table("emotion", *(Column(score_text.NAMES[name], justify="right") for name in measures))
    for name, scores in of_each.items():
        table.add_row(Text(name), *(_interval(scores[measure]) for measure in measures))
    return table


def references(metrics: Mapping[str, Any]) -> Table:
    """Return the table of the headline score against labels and listeners, beside the baselines.

    Args:
        metrics: of an experiment on a corpus that voters labelled
    """
    measure, entries = score_text.headline(metrics), metrics["references"]
    systems = dict.fromkeys(name for entry in entries for name in entry["baselines"])
    table = Table("against", *(Column(Text(name), min_width=11) for name in ("the recipe", *systems)))
    table.title, table.show_lines = f"{score_text.NAMES[measure]} against each reference", True
    for entry in entries:
        scores = [entry["scores"], *(entry["baselines"].get(name, {}) for name in systems)]
        cells = (_interval(of_system[measure]) if measure in of_system else "–" for of_system in scores)
        rows = f"{entry['title']}\n{entry['rows']} rows, n = {entry['n']:,}"
        table.add_row(Text(rows), *(cell.replace(" (", "\n").rstrip(")") for cell in cells))
    return table


def comparison(comparison: Comparison) -> None:
    """Print the differences of two experiments on the utterances they share.

    Args:
        comparison: of the experiments A and B
    """
    console = Console()
    a, b = comparison.a, comparison.b
    title = f"{b} minus {a}, {comparison.n:,} utterances of {comparison.n_groups:,} groups"
    sides = (Column(Text(name), overflow="fold") for name in (a, b))
    table = Table("score", *sides, "difference", f"{comparison.confidence:.0%} interval", title=Text(title))
    for row in comparison.differences:
        interval = Text("–")
        if row.low is not None and row.high is not None:
            excludes_zero = row.low > 0 or row.high < 0
            interval = Text(f"{row.low:+.3f} to {row.high:+.3f}", "green" if excludes_zero else "")
        table.add_row(score_text.NAMES[row.name], f"{row.a:.3f}", f"{row.b:.3f}", f"{row.difference:+.3f}", interval)
    console.print(table)
    console.print(
        f"Correct in only one of them: {comparison.only_a:,} in A, {comparison.only_b:,} in B; McNemar's exact test, "
        f"which assumes independent utterances: p = {comparison.p:.2g}"
    )
    if not comparison.same_protocol:
        console.print(Text("Their protocols differ: the difference is not due to the models alone.", "red"))


def price(price: Mapping[str, Any]) -> None:
    """Print a recipe's scores under its own protocol and under random folds, and the difference.

    Args:
        price: content of `price.json`
    """
    from tasks.pages.experiment import price_page

    right = (
        Column(Text(name), justify="right") for name in (*(price[side]["protocol"] for side in _SIDES), "difference")
    )
    title = price["experiment"] + (" (simulated)" if price["simulated"] else "")
    table = Table("score", *right, title=Text(title))
    for name, honest, leaky, difference in price_page.rows(price):
        scores = (f"{score.value:.3f}\n({score.interval})" for score in (honest, leaky))
        table.add_row(name, *scores, difference.signed.replace(" (", "\n(") if difference else "")
    console = Console()
    console.print(table)
    console.print(Text(price_page.sentence(price), "bold"))
    for note in price_page.notes(price):
        console.print(Text(note, "dim"))


def robustness(result: Mapping[str, Any]) -> None:
    """Print a recipe's scores on altered sound.

    Args:
        result: content of `robustness.json`
    """
    from tasks.pages.experiment import robustness as robustness_section

    right = (Column(Text(name), justify="right") for name in ("n", "score", "loss", "other class"))
    title = result["experiment"] + (" (simulated)" if result["simulated"] else "")
    table = Table("sound", *right, title=Text(title))
    for row in robustness_section.rows(result):
        loss = row.loss.signed.replace(" (", "\n(") if row.loss else ""
        changed = "" if row.changed is None else f"{row.changed:.1%}"
        table.add_row(row.alteration, f"{row.n:,}", f"{row.score.value:.3f}\n({row.score.interval})", loss, changed)
    console = Console()
    console.print(table)
    console.print(Text(robustness_section.sentence(result), "bold"))


def _interval(score: Mapping[str, Any]) -> str:
    if score["low"] is None:
        return f"{score['value']:.3f}"
    return f"{score['value']:.3f} ({score['low']:.3f}–{score['high']:.3f})"
