"""What the audit says: findings with counts, examples and a severity, and whether a run may go on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from tasks.core.errors import ConfigError, LeakError

Severity = Literal["violation", "warning", "declared", "note"]
MOST_EXAMPLES = 5

CHECKS: Mapping[str, str] = {
    "seen speakers": "test utterances by speakers of the training part",
    "seen groups": "test utterances of a group (video, dialogue, session) of the training part",
    "seen recordings": "test utterances out of a recording of the training part",
    "seen scripts": "test utterances of a sentence or script of the training part",
    "same text": "test utterances whose text is in the training part, but for case and punctuation",
    "similar text": "test utterances whose text is nearly in the training part",
    "overlapping spans": "test utterances that overlap with training ones in one recording",
    "overlong spans": "utterances so long that their times may be wrong",
    "same sound": "test utterances whose very samples are in the training part",
    "similar sound": "test utterances whose sound is in the training part, at another level, rate or in another codec",
    "torn utterances": "utterances of which one window is tested and another is in the training part",
    "learned in parts": "test utterances that a part of the model was trained on before the whole",
    "derived rows": "augmented or synthetic rows with a parent on the other side",
    "fitted on more": "scalers, selectors and balancers fitted on more than the training part",
    "speaker statistics": "test speakers whose own statistics went into their features",
    "pretraining": "corpora that a pretrained model may have seen",
}
"""Every check, and what it counts."""


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Args:
        check: one of `CHECKS`
        severity: violation: breaks the protocol; warning: flatters the figures within it; declared: would be a
            violation, but the recipe says so; note: good to know
        n: how many, in all folds together; 0 if it looked and found nothing
        of: … of how many
        what: one sentence
        examples: ids, `MOST_EXAMPLES` at most
    """

    check: str
    severity: Severity
    n: int
    of: int
    what: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class FoldSize:
    """How many rows a fold trains on and is tested on."""

    name: str
    n_train: int
    n_test: int


@dataclass(frozen=True)
class AuditReport:
    """All findings on a protocol's folds.

    Args:
        protocol: as params.yaml has it
        words: the same as a sentence
        n: utterances looked at
        parts: the folds
        findings: one per check that could look, in the order of `CHECKS`
    """

    protocol: str
    words: str
    n: int
    parts: tuple[FoldSize, ...]
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether a run may go on."""
        return not any(one.severity == "violation" and one.n for one in self.findings)

    def with_more(self, findings: Sequence[Finding], declared: Collection[str] = ()) -> AuditReport:
        """Return the audit with findings that only a fitted model can give."""
        known = named(declared)
        return replace(self, findings=(*self.findings, *(_declared(one, known) for one in findings)))

    def to_dict(self) -> dict[str, Any]:
        """Return the audit as JSON can have it."""
        return {**asdict(self), "passed": self.passed}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> AuditReport:
        """Return the audit that `to_dict` was made of."""
        return cls(
            found["protocol"],
            found["words"],
            found["n"],
            tuple(FoldSize(**one) for one in found["parts"]),
            tuple(Finding(**{**one, "examples": tuple(one["examples"])}) for one in found["findings"]),
        )


def named(declared: Collection[str]) -> frozenset[str]:
    """Return declared checks by name; `seen-speakers` is as good as `seen speakers`.

    Raises:
        ConfigError: if there is no such check
    """
    names = frozenset(one.replace("-", " ") for one in declared)
    if unknown := sorted(names - CHECKS.keys()):
        raise ConfigError(f"declared leak {', '.join(unknown)}: no such check; there are {', '.join(CHECKS)}")
    return names


def settled(findings: Sequence[Finding], declared: Collection[str]) -> tuple[Finding, ...]:
    """Return findings in the order of `CHECKS`, with violations that are declared marked so."""
    known, order = named(declared), list(CHECKS)
    return tuple(_declared(one, known) for one in sorted(findings, key=lambda one: order.index(one.check)))


def demand(found: AuditReport) -> None:
    """Stop a run whose audit found a violation.

    Raises:
        LeakError: names every violation, and says how to go on
    """
    broken = [one for one in found.findings if one.severity == "violation" and one.n]
    if not broken:
        return
    lines = [f"  {one.check}: {one.what} ({', '.join(one.examples)})" for one in broken]
    raise LeakError(
        f"the audit of protocol {found.protocol} stops the run:\n"
        + "\n".join(lines)
        + "\nChoose a protocol that keeps "
        "it apart or mend the data; or, to reproduce someone's figure, declare it: "
        + ", ".join(one.check.replace(" ", "-") for one in broken)
    )


def _declared(one: Finding, known: Collection[str]) -> Finding:
    return replace(one, severity="declared") if one.severity == "violation" and one.check in known else one
