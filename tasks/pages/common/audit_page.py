"""The audit's page: the verdict first, then the protocol, what was found, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.leaks.finding import AuditReport, Finding
from tasks.pages.common import table_page

SEVERITIES: Mapping[str, str] = {
    "violation": "breaks the protocol, and stops the run",
    "warning": "makes figures look better than they are, within the protocol",
    "declared": "breaks the protocol, and the recipe says so",
    "note": "good to know",
}
_BY_SEVERITY = {
    "violation": "Choose a protocol that keeps it apart, or declare it in the recipe: every report will say so.",
    "warning": "State it beside the figures, and beside any figure you compare them with.",
    "declared": "Don't compare the figures with those of a protocol that keeps it apart.",
    "note": "Nothing.",
}


@dataclass(frozen=True)
class Verdict:
    """The verdict: its class in the style sheet, a headline, why, and what to do."""

    name: str
    headline: str
    why: str
    to_do: str


def render(audit: AuditReport, title: str, *, simulated: bool) -> str:
    """Return the audit as HTML; the same audit gives the same text.

    Args:
        audit: what was looked for and what was found
        title: the recipe or corpus it was made for
        simulated: whether undertone made the corpus itself
    """
    found = ranked(audit)
    return table_page.render(
        "pages/common/templates/audit.html",
        title=f"{title} (simulated)" if simulated else title,
        simulated=simulated,
        protocol=audit.words,
        folds=audit.parts,
        n=audit.n,
        verdict=verdict(audit),
        found=found,
        clear=[one for one in audit.findings if not one.n],
        severities={name: SEVERITIES[name] for name in SEVERITIES if any(one.severity == name for one in found)},
        advice=advice,
    )


def ranked(audit: AuditReport) -> list[Finding]:
    """Return what was found, in the order of severity."""
    severities = list(SEVERITIES)
    return sorted((one for one in audit.findings if one.n), key=lambda one: severities.index(one.severity))


def verdict(audit: AuditReport) -> Verdict:
    """Return the verdict on a split, in words."""
    found = {name: [one for one in audit.findings if one.n and one.severity == name] for name in SEVERITIES}
    if not audit.passed:
        violations = found["violation"]
        return Verdict("failed", "Leaks", f"The run stops: {_named(violations)}.", advice(violations[0]))
    if declared := found["declared"]:
        return Verdict("usable", "Leaks, as declared", f"The recipe declares {_named(declared)}.", advice(declared[0]))
    if warnings := found["warning"]:
        why = f"The protocol holds; beside the figures belongs: {_named(warnings)}."
        return Verdict("usable", "Holds, with warnings", why, advice(warnings[0]))
    return Verdict("passed", "Clean", "Nothing that the protocol keeps apart is on both sides.", "Nothing.")


def advice(finding: Finding) -> str:
    """Return what to do about a finding."""
    return _BY_SEVERITY[finding.severity]


def _named(findings: Sequence[Finding]) -> str:
    return ", ".join(f"{one.check} ({one.n:,} of {one.of:,})" for one in findings)
