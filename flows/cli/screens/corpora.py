"""Terminal output on corpora: readers, diagnosis, audit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.core.config import Config
    from tasks.corpora.doctor.distributions import Distribution
    from tasks.corpora.doctor.findings import Diagnosis, SpeechSummary
    from tasks.leaks.finding import AuditReport, Finding
    from tasks.on_demand.without_project.table_audit import TableAudit

_COLOURS = {
    "fault": "red", "violation": "red", "broken": "red", "warning": "yellow", "usable": "yellow", "note": "dim",
    "declared": "blue", "unknown": "magenta", "sound": "green", "passed": "green", "failed": "red",
}  # fmt: skip
_MAX_EXAMPLES = 3
_MAX_COUNTS = 12
_MAX_UNREADABLE = 10


def corpora(config: Config) -> None:
    """Print the readers, and the corpora in params.yaml.

    Args:
        config: all settings
    """
    from tasks.core.config import INTERVIEWS
    from tasks.corpora.readers import pool, registry

    readers = Table("reader", "reads", "licence", title="Readers")
    for name in (*registry.names(), pool.NAME):
        corpus = registry.corpus(name)
        readers.add_row(name, _plain(corpus.title), _plain(corpus.licence))
    added = Table("name", "reader", "folder", title="Corpora in params.yaml")
    for name, entry in config.corpora.items():
        added.add_row(name, _plain(entry.reader), _plain(entry.path))
    console = Console()
    console.print(readers)
    if config.corpora:
        console.print(added)
    if not config.corpora.keys() - {INTERVIEWS}:
        console.print("Add a corpus: undertone corpus add NAME PATH")


def diagnosis(report: Diagnosis) -> None:
    """Print the doctor's findings, the verdict last."""
    console = Console()
    if report.counts:
        console.print(_counts(report))
    if report.complaints:
        table = Table(
            "severity",
            Column("n", justify="right"),
            "what",
            Column("for example", overflow="fold"),
            title=_plain(report.title),
        )
        for complaint in report.complaints:
            advice = (complaint.advice, "dim")
            what = Text.assemble((f"{complaint.kind}: ", "bold"), _plain(complaint.what), "\n", advice)
            examples = _examples(complaint.examples, complaint.n)
            table.add_row(_coloured(complaint.severity), f"{complaint.n:,}", what, examples)
        console.print(table)
    if report.facts.classes:
        console.print(_plain(f"Speakers: {report.facts.speakers}"))
    if speech := speech_in_words(report.facts.speech):
        console.print(_plain(speech))
    for attribute, distribution in report.facts.by_attribute.items():
        console.print(_plain(f"By {attribute}: {_shares(distribution)}"))
    if report.known_bad:
        counts = Counter(file.status for file in report.known_bad)
        listed = ", ".join(f"{n:,} {use}" for use, n in sorted(counts.items()))
        console.print(Text(f"Files known to be broken: {listed}", "dim"))
    if report.not_looked:
        console.print(Text("There is no sound: checks of sound were skipped.", "dim"))
    console.print(Text.assemble(_coloured(report.verdict), f": {report.why}\nWhat to do: {report.to_do}"))


def speech_in_words(speech: SpeechSummary) -> str:
    """Return the medians of speech and noise, and how many utterances have little speech or much noise.

    Args:
        speech: of a corpus; "" without sound
    """
    if not speech.shares:
        return ""
    ratio = f", signal-to-noise ratio {median(speech.snr_db):.0f} dB" if speech.snr_db else ""
    return (
        f"Speech: {median(speech.shares):.0%} of the time{ratio} (medians); {len(speech.empty):,} utterances nearly "
        f"without speech, {len(speech.noisy):,} noisy"
    )


def audit(report: AuditReport, title: str, listing: Path) -> None:
    """Print the audit's findings, the protocol in words, and the verdict last.

    Args:
        report: the audit
        title: the recipe or corpus
        listing: the JSON file with all pairs
    """
    from tasks.pages.common.audit_page import ranked, verdict

    console = Console()
    findings = ranked(report)
    _findings(console, findings, report, title)
    if n_pairs := sum(len(finding.pairs) for finding in findings):
        console.print(Text(f"All {n_pairs:,} pairs: {listing}", "dim"))
    console.print(Text(report.words, "dim"))
    result = verdict(report)
    console.print(Text.assemble(_coloured(result.name, result.headline), f": {result.why}\nWhat to do: {result.to_do}"))


def table_audit(audit: TableAudit) -> None:
    """Print which columns of two tables were compared, the findings, what was not checked, and the verdict last.

    Args:
        audit: the audit
    """
    from tasks.pages.common.audit_page import ranked

    console = Console()
    for part, table in (("Training", audit.train), ("Test", audit.test)):
        used = ", ".join(role if role == name else f"{role} ({name})" for role, name in table.columns.items())
        console.print(_plain(f"{part}: {table.name}, {len(table):,} rows; columns: {used}"))
    findings = ranked(audit.report)
    _findings(console, findings, audit.report, f"{audit.test.name} against {audit.train.name}")
    for name, reason in audit.unreadable[:_MAX_UNREADABLE]:
        console.print(_plain(f"Not compared: {name}: {reason}"), style="yellow")
    if (more := len(audit.unreadable) - _MAX_UNREADABLE) > 0:
        console.print(Text(f"Not compared: {more:,} more rows whose sound cannot be read", "yellow"))
    for line in audit.not_checked:
        console.print(_plain(f"Not checked: {line}"), style="dim")
    violations, rest = (
        [finding for finding in findings if (finding.severity == "violation") == wanted] for wanted in (True, False)
    )
    if violations:
        names = ", ".join(finding.check for finding in violations)
        declared = " ".join(f"--declare {finding.check.replace(' ', '-')}" for finding in violations)
        advice = f"Keep these rows on one side; or accept it, and mention it with every score: {declared}"
        console.print(Text.assemble(_coloured("failed", "Leaks"), f": {names}.\nWhat to do: {advice}"))
    elif rest:
        names = ", ".join(f"{finding.check} ({finding.severity})" for finding in rest)
        advice = "Mention this whenever you report or compare scores."
        console.print(Text.assemble(_coloured("usable", "No violation"), f"; {names}.\nWhat to do: {advice}"))
    else:
        console.print(Text.assemble(_coloured("passed", "Clean"), ": the tables share nothing that was checked."))


def _findings(console: Console, findings: Sequence[Finding], report: AuditReport, title: str) -> None:
    """Print the checks that found something as a table, and name the others."""
    if findings:
        right = [Column(name, justify="right") for name in ("n", "of")]
        table = Table("severity", "check", *right, "what", Column("for example", overflow="fold"), title=_plain(title))
        for row in findings:
            examples = _examples(row.examples, row.n)
            table.add_row(_coloured(row.severity), row.check, f"{row.n:,}", f"{row.of:,}", _plain(row.what), examples)
        console.print(table)
    clear = [finding.check for finding in report.findings if not finding.n]
    if clear:
        console.print(Text(f"Checks without findings: {', '.join(clear)}", "dim"))


def _counts(report: Diagnosis) -> Table:
    right = [Column(name, justify="right") for name in ("published", "found")]
    table = Table("counted", *right, title=_plain(report.title))
    equal = [count for count in report.counts if count.expected == count.actual]
    shown = (
        report.counts if len(report.counts) <= _MAX_COUNTS else [count for count in report.counts if count not in equal]
    )
    for count in shown:
        style = "" if count in equal else "yellow"
        table.add_row(_plain(count.what), f"{count.expected:,}", f"{count.actual:,}", style=style)
    if len(shown) < len(report.counts):
        table.add_row(f"{len(equal):,} of {len(report.counts):,} counts", "as", "published", style="dim")
    return table


def _shares(distribution: Distribution) -> str:
    """Return each value's number of utterances, and the shares of its most frequent labels."""
    parts = []
    for value, of_value in distribution.items():
        total = sum(of_value.values())
        most = sorted(of_value.items(), key=lambda entry: (-entry[1], entry[0]))[:_MAX_EXAMPLES]
        shares = ", ".join(f"{label or 'no emotion'} {n / total:.0%}" for label, n in most)
        parts.append(f"{value} {total:,} ({shares})")
    return " · ".join(parts)


def _examples(names: Sequence[str], n: int) -> Text:
    shown = [*names[:_MAX_EXAMPLES], *([f"… {n - _MAX_EXAMPLES:,} more"] if n > _MAX_EXAMPLES < len(names) else [])]
    return Text("\n").join(map(_plain, shown))


def _coloured(word: str, shown: str = "") -> Text:
    return Text(shown or word, _COLOURS[word])


def _plain(text: str) -> Text:
    """Return external text without interpreting markup, with control characters escaped."""
    return Text("".join(char if char.isprintable() or char == "\n" else f"\\x{ord(char):02x}" for char in text))
