"""Terminal output of the book of recipes: by corpus and system, with needs, time and published score."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from tasks.experiments import plan, recipe_book
from tasks.experiments.recipe_book import ANY, StockRecipe
from tasks.on_demand.recipe_variants import with_entries

if TYPE_CHECKING:
    from tasks.core.config import Config

_TITLES = {
    ANY: "Any corpus of acted or spontaneous emotions",
    "interviews": "Crawled interviews",
    "pool": "Several corpora",
}


def show(config: Config, reader: str | None = None) -> None:
    """Print the recipes of the book.

    Args:
        config: all settings
        reader: print only recipes for its corpora; None: all
    """
    by_corpus: dict[str, dict[str, list[StockRecipe]]] = defaultdict(lambda: defaultdict(list))
    for stock in recipe_book.all_recipes():
        if reader in (None, stock.reader) or stock.reader == ANY:
            by_corpus[stock.reader][stock.system].append(stock)
    console = Console()
    for of_reader, systems in sorted(by_corpus.items()):
        console.print(_table(config, of_reader, systems))
    console.print("Time: of the whole experiment on one core, features excluded, where it was measured.")
    console.print("Published: what the source reports, under its own protocol; the leaderboard has all scores.")
    console.print("Add one to params.yaml: undertone experiment new SYSTEM RECIPE --corpus NAME")
    console.print("Try one offline, with random weights in place of pretrained models: add --tiny")


def _table(config: Config, reader: str, systems: dict[str, list[StockRecipe]]) -> Table:
    mine = ", ".join(name for name, entry in config.corpora.items() if entry.reader == reader)
    title = _TITLES.get(reader, f"Corpora of the reader {reader}") + (f": {mine}" if mine else "")
    columns = (Column("recipe", overflow="fold"), Column("needs", overflow="fold"), "time", "published")
    table = Table(*columns, title=Text(title), title_justify="left", show_lines=False)
    for system, recipes in systems.items():
        table.add_section()
        table.add_row(Text(f"{system}: {recipe_book.title(system)}", "bold"), "", "", "")
        for stock in recipes:
            name = Text.assemble(stock.name, (f"\n  {stock.title}", "dim"))
            table.add_row(name, _needs(config, stock), _time(stock.minutes), stock.published)
    return table


def _needs(config: Config, stock: StockRecipe) -> str:
    """Return the modalities and the pretrained models of a recipe."""
    features, experiments = recipe_book.entries(stock.system, stock.name, "corpus")
    from tasks.core.config import Corpus

    reader = "plain" if stock.reader == ANY else stock.reader
    with_corpus = config.model_copy(update={"corpora": {"corpus": Corpus(reader=reader, path=".")}})
    ((name, _),) = experiments.items()
    resolved = plan.plan(name, with_entries(with_corpus, features, experiments))
    return ", ".join((*resolved.modalities, *resolved.checkpoints))


def _time(minutes: float) -> str:
    if not minutes:
        return "–"
    return f"about {minutes:g} min" if minutes < 90 else f"about {minutes / 60:.0f} h"
