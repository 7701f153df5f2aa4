"""What the terminal shows of experiments: recipes and figures, baselines, comparisons, the book of recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from tasks.pages.common import score_text

if TYPE_CHECKING:
    from tasks.core.config import Config
    from tasks.on_demand.compare_experiments import Comparison

_CHANCE = ("majority", score_text.SHUFFLED)


def overview(config: Config, results: Sequence[Mapping[str, Any]], only: Sequence[str] = ()) -> None:
    """Print every recipe under its protocol, with its figures where it has been run."""
    console = Console()
    if not config.experiments:
        console.print("params.yaml has no experiment yet. Write one from the book: undertone experiment new")
        return
    known = {found["experiment"]: found for found in results}
    score = Column("score (interval)", no_wrap=True)
    chance = (Column("majority", no_wrap=True), Column("shuffled", no_wrap=True))
    table = Table(Column("experiment", overflow="fold"), score, *chance, title="Experiments", show_lines=True)
    for name, entry in config.experiments.items():
        if not only or name in only:
            table.add_row(*_row(name, entry.protocol, known.get(name)))
    console.print(table)


def _row(name: str, protocol: str, found: Mapping[str, Any] | None) -> tuple[Text | str, ...]:
    title = Text(name)
    title.append(f"\n{protocol}", "dim")
    if found is None:
        return title, Text("not run yet", "dim"), "", ""
    if score_text.leak(found):
        title.append(" LEAKY", "red")
    title.append(f", n = {found['n']:,}{', simulated' if found.get('simulated') else ''}", "dim")
    main = score_text.headline(found)
    shown = Text.assemble((f"{score_text.NAMES[main]}\n", "dim"), _interval(found["scores"][main]))
    return title, shown, *(f"\n{found['baselines'][one][main]['value']:.3f}" for one in _CHANCE)


def figures(found: Mapping[str, Any], cost: Mapping[str, Any]) -> None:
    """Print one experiment's scores beside its baselines, its classes and its cost."""
    console = Console()
    title = found["experiment"] + (" (simulated)" if found.get("simulated") else "")
    baselines = found["baselines"]
    table = Table("score", "the recipe", *(Column(Text(one)) for one in baselines), title=Text(title))
    for name in score_text.measures(found):
        row = [_interval(found["scores"][name]), *(_interval(one[name]) for one in baselines.values())]
        table.add_row(score_text.NAMES[name], *row)
    console.print(table)
    if found["task"] == "classes":
        by_class = Table("class", *(Column(one, justify="right") for one in ("precision", "recall", "F1", "support")))
        for name, one in found["scores"]["per_class"].items():
            values = (f"{one[key]:.3f}" for key in ("precision", "recall", "f1"))
            by_class.add_row(Text(name), *values, f"{one['support']:,}")
        console.print(by_class)
    protocol = Text(f"{found['protocol']}: {found['protocol_in_words']}", "red" if found["leaky"] else "")
    console.print(protocol)
    confidence = f"{found['confidence']:.0%}"
    console.print(Text(f"n = {found['n']:,}; {confidence} intervals over {found['n_groups']:,} groups", "dim"))
    for one in found["audit"]:
        console.print(Text(f"{one['severity']}: {one['check']}: {one['n']:,} of {one['of']:,} {one['what']}", "dim"))
    spent = ", ".join(f"{name} {seconds:,.1f} s" for name, seconds in cost["training_s"].items())
    console.print(Text(f"Training: {spent}; at most {cost['peak_mb']:,.0f} MB in one process", "dim"))


def comparison(found: Comparison) -> None:
    """Print how two experiments differ on the utterances they share."""
    console = Console()
    title = f"{found.b} minus {found.a}, {found.n:,} utterances of {found.n_groups:,} groups"
    sides = (Column(Text(one), overflow="fold") for one in (found.a, found.b))
    table = Table("score", *sides, "difference", f"{found.confidence:.0%} interval", title=Text(title))
    for one in found.differences:
        interval = Text("–")
        if one.low is not None and one.high is not None:
            beyond = one.low > 0 or one.high < 0
            interval = Text(f"{one.low:+.3f} to {one.high:+.3f}", "green" if beyond else "")
        table.add_row(score_text.NAMES[one.name], f"{one.a:.3f}", f"{one.b:.3f}", f"{one.difference:+.3f}", interval)
    console.print(table)
    console.print(
        f"Right in one alone: {found.only_a:,} in A, {found.only_b:,} in B; McNemar's exact test, utterances taken for "
        f"independent: p = {found.p:.2g}"
    )
    if not found.same_protocol:
        console.print(
            Text("They were judged under different protocols: the difference is not the models' alone.", "red")
        )


def book() -> None:
    """Print the systems and recipes that can be written into params.yaml."""
    from tasks.experiments import recipe_book

    table = Table("system", "recipe", title="Recipes of published systems")
    for system in recipe_book.systems():
        for number, recipe in enumerate(recipe_book.recipes(system)):
            table.add_row("" if number else system, recipe)
    console = Console()
    console.print(table)
    console.print("Write one into params.yaml: undertone experiment new SYSTEM RECIPE --corpus NAME")


def _interval(score: Mapping[str, Any]) -> str:
    if score["low"] is None:
        return f"{score['value']:.3f}"
    return f"{score['value']:.3f} ({score['low']:.3f}–{score['high']:.3f})"
