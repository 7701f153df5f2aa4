"""Adapt a recipe of the book to the corpus that it is written for: protocol, declared leaks, folds for tuning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.core import paths, tables
from tasks.core.config import Config
from tasks.core.errors import ConfigError, UndertoneError
from tasks.evaluation import protocols
from tasks.experiments import plan, plan_checks, recipe_book
from tasks.experiments.recipe_book import StockRecipe
from tasks.on_demand.recipe_variants import with_entries

Entries = Mapping[str, Any]
_FALLBACKS = (
    "official",
    "speaker-out(6)",
    "speaker-out(5)",
    "leave-one-speaker-out",
    "session-out",
    "group-k-fold(5)",
    "script-out(5)",
)
"""Protocols to try, in this order, where a recipe's own one and that of the corpus in the book are impossible."""


def adapted(
    stock: StockRecipe, features: Entries, name: str, entry: Entries, config: Config
) -> tuple[dict[str, Any], list[str]]:
    """Return a recipe's entry as its corpus allows it, and what was changed, one line a change.

    Args:
        stock: the recipe in the book
        features: the feature sets that it needs
        name: of the experiment
        entry: as the book has it
        config: all settings
    """
    if protocols.parse(entry["protocol"]).leaky:
        return dict(entry), []
    reader = config.corpora[entry["corpus"]].reader
    rows = _rows(entry["corpus"], config)
    usual, declared = (recipe_book.convention(reader) or ("", ())) if stock.reader != reader else ("", ())
    why = f"the protocol of most recipes for {reader} in the book"
    for protocol in dict.fromkeys(filter(None, (usual, entry["protocol"], *_FALLBACKS))):
        trial = {**entry, "protocol": protocol}
        if declared and protocol == usual:
            trial["declare"] = [*declared]
        mistakes = list(_mistakes(features, name, trial, config, rows))
        if "tune" in trial and any(".tune.folds: " in mistake for mistake in mistakes):
            trial["tune"] = {**trial["tune"], "folds": 0}
            mistakes = list(_mistakes(features, name, trial, config, rows))
        of_folds = [mistake for mistake in mistakes if ".protocol: " in mistake or ".tune.folds: " in mistake]
        if not of_folds:
            return trial, list(_changes(name, entry, trial, why))
        if protocol == entry["protocol"]:
            why = of_folds[0].partition(".protocol: ")[2].partition("; possible")[0]
    return dict(entry), []


def lacking(features: Entries, name: str, entry: Entries, config: Config) -> str:
    """Return why a recipe cannot be used: what its features read and its corpus does not have; "" if it can.

    Args:
        features: the feature sets that it needs
        name: of the experiment
        entry: of the recipe
        config: all settings
    """
    place = ".features: "
    mistakes = _mistakes(features, name, entry, config, _rows(entry["corpus"], config))
    return next((mistake.partition(place)[2] for mistake in mistakes if place in mistake), "")


def _rows(corpus: str, config: Config) -> pa.Table | None:
    """Return a corpus's utterances: as the stage `corpus` has written them, else as the reader returns them."""
    from tasks.corpora.readers import registry

    if paths.utterances(corpus).is_file():
        return tables.read_corpus(paths.utterances(corpus))
    entry = config.corpora[corpus]
    # the stage reports what cannot be read
    with suppress(UndertoneError, OSError):
        reader = registry.corpus(entry.reader)
        rows = [{"corpus": corpus, **row} for row in reader.read(Path(entry.path)).rows]
        return tables.from_rows(rows, reader.schema)
    return None


def _mistakes(features: Entries, name: str, entry: Entries, config: Config, rows: pa.Table | None) -> Iterator[str]:
    try:
        resolved = plan.plan(name, with_entries(config, features, {name: entry}))
    except ConfigError as error:
        yield str(error)
        return
    yield from plan_checks.of_corpus(resolved, rows)


def _changes(name: str, old: Entries, new: Entries, why: str) -> Iterator[str]:
    if old["protocol"] != new["protocol"]:
        yield f"{name}: protocol {new['protocol']} instead of {old['protocol']}: {why}"
    if old.get("declare") != new.get("declare"):
        yield f"{name}: declares {', '.join(new['declare'])}, as those recipes do"
    if old.get("tune") != new.get("tune"):
        yield f"{name}: settings are chosen on development rows, since training parts have too few units to cut folds"
