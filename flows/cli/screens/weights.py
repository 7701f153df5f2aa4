"""Screens of `undertone weights list`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    from tasks.weights.known.table import KnownWeights

_MOST = 5
"""Corpora shown for a checkpoint, unless it was trained on more of those that undertone reads."""


def table() -> None:
    """Print all known checkpoints."""
    from tasks.corpora.readers import registry
    from tasks.weights.known import table as known_table

    read_here = registry.names()
    rows = Table(Column("checkpoint", overflow="fold"), "trained on", show_lines=True)
    for weights in known_table.known().values():
        facts = [weights.purpose, weights.licence, *_state(weights)]
        checkpoint = Text.assemble(weights.name, "\n", (" · ".join(facts), "dim"))
        rows.add_row(checkpoint, Text(in_short(weights, read_here), "yellow" if weights.unknown else ""))
    console = Console()
    console.print(rows)
    console.print(
        "* with labels or transcripts; unknown: not all training data is known. Sources: undertone weights list NAME"
    )


def details(name: str) -> None:
    """Print a checkpoint with the source of each statement.

    Args:
        name: in the table, or on a hub

    Raises:
        InputError: if it is in no entry
    """
    from tasks.core.errors import InputError, guess
    from tasks.weights.known import table as known_table
    from tasks.weights.known.lookup import recognise

    entries = [item.weights for item in recognise(name) if item.exact]
    if not entries:
        table = known_table.known()
        hint = guess(name, [*table, *(hub for weights in table.values() for hub in weights.hub)])
        raise InputError(f"checkpoint {name!r}: {hint}it is not in the table; see undertone weights list")
    console = Console()
    for weights in entries:
        console.print(_description(weights))
        rows = Table(Column("corpus"), "how", "source")
        for item in weights.trained_on:
            how = "with labels" if item.labels else "without labels"
            rows.add_row(item.corpus, Text(f"{how}, as {item.through}" if item.through else how), Text(item.source))
        if weights.trained_on:
            console.print(rows)
        if weights.unknown:
            console.print(Text(f"Unknown: {weights.unknown}", "yellow"))


def in_short(weights: KnownWeights, read_here: Sequence[str]) -> str:
    """Return the corpora of a checkpoint's training, those that undertone reads first; * marks labels.

    Args:
        weights: of the table
        read_here: names of the readers
    """
    labelled: dict[str, bool] = {}
    for item in weights.trained_on:
        labelled[item.corpus] = labelled.get(item.corpus, False) or item.labels
    ours = [corpus for corpus in labelled if corpus in read_here]
    others = [corpus for corpus in labelled if corpus not in read_here]
    shown = [f"{corpus}{'*' if labelled[corpus] else ''}" for corpus in (*ours, *others)]
    most = max(len(ours), _MOST)
    more = [f"{len(shown) - most} more"] if len(shown) > most else []
    return ", ".join([*shown[:most], *more, *(["unknown"] if weights.unknown else [])])


def _state(weights: KnownWeights) -> list[str]:
    from tasks.weights import store

    size = [f"{weights.n_bytes / 1e6:,.0f} MB"] if weights.n_bytes else []
    if not weights.packages:
        return size
    return [*size, "fetched" if store.is_here(weights.name) else "not fetched"]


def _description(weights: KnownWeights) -> Text:
    lines = [f"{weights.name}: {weights.purpose}; licence: {weights.licence}"]
    if weights.hub:
        lines.append(f"On hubs: {', '.join(weights.hub)}")
    if weights.base:
        lines.append(f"Trained from: {weights.base}")
    for file in weights.files:
        size = f"{file.n_bytes:,} bytes" if file.n_bytes else "size unknown"
        lines.append(f"{file.name}: {size}, SHA-256 {file.sha256}")
    if not weights.files:
        lines.append("Size and SHA-256: unknown")
    if weights.packages:
        packages = ", ".join(f"{package.name} {package.version}" for package in weights.packages)
        lines.append(f"Packages: {packages}; undertone weights fetch {weights.name}")
    return Text("\n".join(lines))
