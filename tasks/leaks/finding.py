"""Findings of the leakage audit: counts, examples and severity, and the decision whether a run may continue."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from tasks.core.errors import ConfigError, LeakError

Severity = Literal["violation", "warning", "declared", "unknown", "note"]
MOST_EXAMPLES = 5
MOST_PAIRS = 10_000
STAGE_PAIRS = 200
"""Pairs of a check in the files of stages, which do not grow with the corpus; `undertone audit` lists `MOST_PAIRS`."""

RANDOM_FOLDS = "random folds"
CHECKS: Mapping[str, str] = {
    RANDOM_FOLDS: "test utterances of folds that keep nothing apart",
    "seen speakers": "test utterances by speakers of the training part",
    "seen groups": "test utterances of a group (video, dialogue, session) of the training part",
    "seen recordings": "test utterances from a recording of the training part",
    "seen scripts": "test utterances of a sentence or script of the training part",
    "same text": "test utterances whose text is in the training part, apart from case and punctuation",
    "similar text": "test utterances with a near-duplicate text in the training part",
    "overlapping spans": "test utterances that overlap with training ones in one recording",
    "overlong spans": "utterances so long that their times may be wrong",
    "same sound": "test utterances whose samples are in the training part",
    "similar sound": "test utterances whose sound is in the training part at another level, rate or through a codec",
    "same voice": "test utterances whose speaker's voice is in the training part, by its embedding",
    "torn utterances": "utterances with windows in both the test and the training part",
    "learned in parts": "test utterances that a component of the model was trained on earlier",
    "derived rows": "augmented or synthetic rows with a parent on the other side",
    "fitted on more": "scalers, selectors and balancers fitted on more than the training part",
    "speaker statistics": "test speakers whose features were normalised with their own statistics",
    "pretraining": "corpora that a pretrained model may have been trained on",
    "unknown pretraining": "pretrained models whose training data is not known, so that they cannot be cleared",
}
"""Name of every check, and what it counts."""


@dataclass(frozen=True)
class Finding:
    """Result of one check.

    Args:
        check: a key of `CHECKS`
        severity: violation: breaks the protocol; warning: allowed by it, but raises the scores; declared: a violation
            that the recipe declares; unknown: cannot be decided, neither a violation nor clean; note: for information
        n: number of cases, over all folds; 0 if the check found none
        of: number of candidates, over all folds
        what: the result as a sentence
        examples: ids, at most `MOST_EXAMPLES`; of a check of pairs: "test id and training id"
        pairs: of a check of pairs: ids of the test and the training utterance, at most `MOST_PAIRS`
    """

    check: str
    severity: Severity
    n: int
    of: int
    what: str
    examples: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Finding:
        """Return the finding of a dictionary.

        Args:
            fields: from `dataclasses.asdict`; `pairs` may be missing
        """
        pairs = tuple((test, train) for test, train in fields.get("pairs", ()))
        return cls(**{**fields, "examples": tuple(fields["examples"]), "pairs": pairs})


@dataclass(frozen=True)
class FoldSize:
    """Number of training and test rows of a fold."""

    name: str
    n_train: int
    n_test: int


@dataclass(frozen=True)
class AuditReport:
    """All findings on a protocol's folds.

    Args:
        protocol: its form in params.yaml
        words: its description
        n: number of audited utterances
        parts: sizes of the folds
        findings: one per applicable check, in the order of `CHECKS`
    """

    protocol: str
    words: str
    n: int
    parts: tuple[FoldSize, ...]
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether a run may continue."""
        return not _violations(self)

    def to_dict(self, most_pairs: int = MOST_PAIRS) -> dict[str, Any]:
        """Return the report as a dictionary for JSON.

        Args:
            most_pairs: pairs of each check at most; `n` counts all cases
        """
        findings = tuple(replace(finding, pairs=finding.pairs[:most_pairs]) for finding in self.findings)
        return {**asdict(replace(self, findings=findings)), "passed": self.passed}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> AuditReport:
        """Return the report of a dictionary.

        Args:
            fields: from `to_dict`
        """
        return cls(
            fields["protocol"],
            fields["words"],
            fields["n"],
            tuple(FoldSize(**size) for size in fields["parts"]),
            tuple(map(Finding.from_dict, fields["findings"])),
        )


def accepted_checks(declared: Collection[str]) -> frozenset[str]:
    """Return declared checks as keys of `CHECKS`; `seen-speakers` means `seen speakers`.

    Args:
        declared: their names

    Raises:
        ConfigError: if there is no such check
    """
    names = frozenset(name.replace("-", " ") for name in declared)
    if unknown := sorted(names - CHECKS.keys()):
        raise ConfigError(f"declared leak {', '.join(unknown)}: no such check; there are {', '.join(CHECKS)}")
    return names


def settled(findings: Sequence[Finding], declared: Collection[str]) -> tuple[Finding, ...]:
    """Return findings in the order of `CHECKS`, with the severity of declared _violations changed to declared.

    Args:
        findings: in any order
        declared: names of checks whose _violations the recipe accepts

    Raises:
        ConfigError: if there is no such check
    """
    accepted, order = accepted_checks(declared), list(CHECKS)
    in_order = sorted(findings, key=lambda finding: order.index(finding.check))
    return tuple(_declared(finding, accepted) for finding in in_order)


def _violations(report: AuditReport) -> list[Finding]:
    """Return the findings that stop a run."""
    return [finding for finding in report.findings if finding.severity == "violation" and finding.n]


def demand(report: AuditReport) -> None:
    """Stop a run whose audit found a violation.

    Args:
        report: of an audit

    Raises:
        LeakError: names every violation and the ways to continue
    """
    broken = _violations(report)
    if not broken:
        return
    # who declares random folds accepts what they share
    to_declare = [finding for finding in broken if finding.check == RANDOM_FOLDS] or broken
    lines = [f"  {finding.check}: {finding.what} ({'; '.join(finding.examples)})" for finding in broken]
    raise LeakError(
        f"the audit of protocol {report.protocol} stops the run:\n"
        + "\n".join(lines)
        + "\nChoose a protocol that keeps these apart or correct the data; or, to reproduce a published score, "
        "declare the leak: " + ", ".join(finding.check.replace(" ", "-") for finding in to_declare)
    )


def _declared(finding: Finding, accepted: Collection[str]) -> Finding:
    declared = finding.severity == "violation" and finding.check in accepted
    return replace(finding, severity="declared") if declared else finding
