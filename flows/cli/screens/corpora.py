"""What the terminal shows of corpora: which there are, what the doctor found, and what the audit of a split did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    from tasks.core.config import Config
    from tasks.corpora.doctor.findings import Diagnosis
    from tasks.leaks.finding import AuditReport
    from tasks.on_demand.leak_price import Price, ScoreInterval

_COLOURS = {
    "fault": "red", "violation": "red", "broken": "red", "warning": "yellow", "usable": "yellow", "note": "dim",
    "declared": "blue", "sound": "green", "passed": "green", "failed": "red",
}  # fmt: skip
_SHOWN = 3
_MOST_COUNTS = 12


def corpora(config: Config) -> None:
    """Print the readers, and the corpora in params.yaml.

    Args:
        config: all settings
    """
    from tasks.corpora.readers import pool, registry

    readers = Table("reader", "reads", "licence", title="Readers")
    for name in (*registry.names(), pool.NAME):
        corpus = registry.corpus(name)
        readers.add_row(name, _plain(corpus.title), _plain(corpus.licence))
    here = Table("name", "reader", "folder", title="Corpora in params.yaml")
    for name, entry in config.corpora.items():
        here.add_row(name, _plain(entry.reader), _plain(entry.path))
    console = Console()
    console.print(readers)
    if config.corpora:
        console.print(here)
    else:
        console.print("params.yaml has no corpus yet. Add one: undertone corpus add NAME PATH")


def diagnosis(found: Diagnosis) -> None:
    """Print what the doctor found: the verdict last, where the eye is."""
    console = Console()
    if found.counts:
        console.print(_counts(found))
    if found.complaints:
        table = Table("severity", Column("n", justify="right"), "what", "for example", title=_plain(found.title))
        for one in found.complaints:
            what = Text.assemble((f"{one.kind}: ", "bold"), _plain(one.what), "\n", (one.advice, "dim"))
            table.add_row(_coloured(one.severity), f"{one.n:,}", what, _examples(one.examples, one.n))
        console.print(table)
    if found.known_bad:
        here = Counter(bad.status for bad in found.known_bad)
        said = ", ".join(f"{n:,} {where}" for where, n in sorted(here.items()))
        console.print(Text(f"Files known to be broken: {said}", "dim"))
    if found.not_looked:
        console.print(Text("There is no sound: checks of sound were skipped.", "dim"))
    console.print(Text.assemble(_coloured(found.verdict), f": {found.why}\nWhat to do: {found.to_do}"))


def audit(found: AuditReport, title: str) -> None:
    """Print what the audit found, the protocol in words, and the verdict last.

    Args:
        found: the audit
        title: the recipe or corpus it was made for
    """
    from tasks.pages.common.audit_page import ranked, verdict

    console = Console()
    if findings := ranked(found):
        right = [Column(name, justify="right") for name in ("n", "of")]
        table = Table("severity", "check", *right, "what", "for example", title=_plain(title))
        for one in findings:
            examples = _examples(one.examples, one.n)
            table.add_row(_coloured(one.severity), one.check, f"{one.n:,}", f"{one.of:,}", _plain(one.what), examples)
        console.print(table)
    clear = [one.check for one in found.findings if not one.n]
    if clear:
        console.print(Text(f"Looked for, and not found: {', '.join(clear)}", "dim"))
    console.print(Text(found.words, "dim"))
    said = verdict(found)
    console.print(Text.assemble(_coloured(said.name, said.headline), f": {said.why}\nWhat to do: {said.to_do}"))


def price(found: Price) -> None:
    """Print a recipe's figures under an honest protocol and under random folds, and the difference."""
    simulated = " (simulated)" if found.simulated else ""
    title = f"{found.corpus}{simulated}: {found.n:,} utterances, {len(found.classes)} classes"
    right = [Column(name, justify="right") for name in ("UAR", "macro F1", "UAR, labels shuffled")]
    table = Table("protocol", *right, title=_plain(title))
    for side in (found.honest, found.leaky):
        table.add_row(_plain(side.protocol), _figure(side.uar), _figure(side.macro_f1), f"{side.shuffled_uar:.3f}")
    table.add_section()
    table.add_row("the price of the leak", _figure(found.uar, "+"), _figure(found.macro_f1, "+"), "")
    console = Console()
    console.print(table)
    console.print(Text(f"Always the commonest class: UAR {found.majority_uar:.3f}.", "dim"))
    for side in (found.honest, found.leaky):
        console.print(Text(f"{side.protocol}: {side.words}", "dim"))
    said = f"Intervals: {found.confidence:.0%}, paired bootstrap over {found.n_groups} speakers or groups."
    console.print(Text(said, "dim"))


def _figure(one: ScoreInterval, sign: str = "") -> str:
    return f"{one.value:{sign}.3f}\n({one.low:{sign}.3f} to {one.high:{sign}.3f})"


def _counts(found: Diagnosis) -> Table:
    right = [Column(name, justify="right") for name in ("published", "found")]
    table = Table("counted", *right, title=_plain(found.title))
    alike = [one for one in found.counts if one.expected == one.actual]
    shown = found.counts if len(found.counts) <= _MOST_COUNTS else [one for one in found.counts if one not in alike]
    for one in shown:
        style = "" if one in alike else "yellow"
        table.add_row(_plain(one.what), f"{one.expected:,}", f"{one.actual:,}", style=style)
    if len(shown) < len(found.counts):
        table.add_row(f"{len(alike):,} of {len(found.counts):,} counts", "as", "published", style="dim")
    return table


def _examples(names: Sequence[str], n: int) -> Text:
    shown = [*names[:_SHOWN], *([f"… {n - _SHOWN:,} more"] if n > _SHOWN < len(names) else [])]
    return Text("\n").join(map(_plain, shown))


def _coloured(word: str, shown: str = "") -> Text:
    return Text(shown or word, _COLOURS[word])


def _plain(text: str) -> Text:
    """Return text from outside as it stands: no markup in it is read, and no control character reaches the terminal."""
    return Text("".join(one if one.isprintable() or one == "\n" else f"\\x{ord(one):02x}" for one in text))
