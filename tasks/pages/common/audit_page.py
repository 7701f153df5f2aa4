"""HTML page of an audit: verdict, protocol, findings, and what to do about each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tasks.leaks.finding import RANDOM_FOLDS, AuditReport, Finding
from tasks.pages.common import templating

SEVERITIES: Mapping[str, str] = {
    "violation": "breaks the protocol and stops the run",
    "warning": "makes scores look better than they are, within the protocol",
    "declared": "breaks the protocol, and is declared",
    "unknown": "cannot be decided: neither clean nor a violation",
    "note": "for your information",
}
_BY_SEVERITY = {
    "violation": "Choose a protocol that keeps these apart, or declare the leak: every report will then show it.",
    "warning": "Mention this whenever you report or compare these scores.",
    "declared": "Do not compare these scores with those of a protocol that keeps these apart.",
    "unknown": "Mention this whenever you report these scores, or use a model whose training data is known.",
    "note": "Nothing.",
}


class Verdict(NamedTuple):
    """Verdict on a split: class in the style sheet, two or three words, the findings behind it, and advice."""

    name: str
    headline: str
    why: str
    to_do: str


def render(audit: AuditReport, title: str, *, simulated: bool) -> str:
    """Return the audit as HTML; the same audit gives the same text.

    Args:
        audit: checks and findings
        title: name of the recipe or corpus
        simulated: whether undertone made the corpus itself
    """
    present = {finding.severity for finding in ranked(audit)}
    return templating.render(
        "pages/common/templates/audit.html",
        title=f"{title} (simulated)" if simulated else title,
        simulated=simulated,
        audit=audit,
        severities={name: meaning for name, meaning in SEVERITIES.items() if name in present},
        **context(audit),
    )


def context(audit: AuditReport) -> dict[str, Any]:
    """Return the variables of every page that shows an audit."""
    clear = [finding for finding in audit.findings if not finding.n]
    return {"verdict": verdict(audit), "findings": ranked(audit), "clear": clear, "advice": advice}


def ranked(audit: AuditReport) -> list[Finding]:
    """Return the checks that found something, most severe first."""
    severities = list(SEVERITIES)
    return sorted(
        (finding for finding in audit.findings if finding.n), key=lambda finding: severities.index(finding.severity)
    )


def verdict(audit: AuditReport) -> Verdict:
    """Return the verdict on a split.

    Args:
        audit: checks and findings
    """
    by_severity = {
        name: [finding for finding in audit.findings if finding.n and finding.severity == name] for name in SEVERITIES
    }
    headline = "LEAKY" if any(finding.check == RANDOM_FOLDS for finding in audit.findings) else "Leaks"
    if not audit.passed:
        violations = by_severity["violation"]
        return Verdict("failed", headline, f"The run stops: {_named(violations)}.", advice(violations[0]))
    if declared := by_severity["declared"]:
        return Verdict("usable", f"{headline}, as declared", f"Declared: {_named(declared)}.", advice(declared[0]))
    unknown = by_severity["unknown"]
    if warnings := by_severity["warning"]:
        why = f"The split is sound. Report this with your scores: {_named([*warnings, *unknown])}."
        return Verdict("usable", "Sound, with warnings", why, advice(warnings[0]))
    if unknown:
        why = f"The split is sound, but this cannot be cleared: {_named(unknown)}."
        return Verdict("usable", "Not cleared", why, advice(unknown[0]))
    return Verdict("passed", "Clean", "Training and test part share nothing that the protocol keeps apart.", "Nothing.")


def advice(finding: Finding) -> str:
    """Return what to do about a finding."""
    return _BY_SEVERITY[finding.severity]


def _named(findings: Sequence[Finding]) -> str:
    return ", ".join(f"{finding.check} ({finding.n:,} of {finding.of:,})" for finding in findings)
