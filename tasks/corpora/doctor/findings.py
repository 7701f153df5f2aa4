"""The doctor's report: complaints about a corpus, and the verdict that follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

from tasks.corpora.doctor.distributions import Distribution
from tasks.corpora.readers.reading import Count

Severity = Literal["fault", "warning", "note"]
Verdict = Literal["sound", "usable", "broken"]

SEVERITIES: Mapping[Severity, str] = {
    "fault": "lost, or wrong if used without a correction",
    "warning": "may be intended; check before training on it",
    "note": "for information",
}
KINDS = {
    "missing": "missing utterances",
    "counts": "counts that differ from the published ones",
    "no sound": "utterances without sound, though the folder has some",
    "unreadable": "files that cannot be read",
    "truncated": "truncated files",
    "one length": "clips cut to one length",
    "wrong label": "labels that the corpus does not have",
    "two labels": "one sound with two labels",
    "timestamps": "impossible times",
    "unused": "files and rows rejected for another reason",
    "known bad": "files known to be broken",
    "opposite phase": "channels that cancel each other out",
    "silent": "silence",
    "clipped": "clipped sound",
    "nearly empty": "utterances nearly without speech",
    "noisy": "noisy sound",
    "too long": "too long utterances",
    "too short": "too short utterances",
    "same bytes": "identical files",
    "same samples": "identical sound in different files",
    "same sound": "nearly identical sounds",
    "damaged text": "lost letters in texts",
    "extra": "files and rows that belong to no utterance",
    "no label": "utterances without a label",
    "one channel": "stereo with a silent channel",
    "format": "stereo, and other sampling rates than most",
    "repaired": "repairs made while reading",
}
"""Kinds of complaint and their descriptions, in the order in which they are reported."""
NEEDS_SOUND = frozenset(
    {
        *("one length", "opposite phase", "one channel", "silent", "clipped", "nearly empty", "noisy", "format"),
        *("same bytes", "same samples", "same sound", "two labels"),
    }
)
"""Kinds that can only be checked if the corpus has sound."""

BROKEN_SHARE = 0.05
"""With a larger share of faults, scores are not comparable with published ones."""
MOST_EXAMPLES = 10


@dataclass(frozen=True)
class Complaint:
    """A problem of a corpus.

    Args:
        kind: one of `KINDS`
        severity: one of `SEVERITIES`
        n: number of utterances, files or sets of them with the problem
        what: the problem in one sentence
        examples: names, `MOST_EXAMPLES` at most (external text: escape it before showing it)
        advice: what to do
    """

    kind: str
    severity: Severity
    n: int
    what: str
    examples: tuple[str, ...]
    advice: str


@dataclass(frozen=True)
class KnownBad:
    """A file known to be broken; `status` is "in use", "left out" or "not here"."""

    name: str
    wrong: str
    status: str


@dataclass(frozen=True)
class SpeechSummary:
    """Speech and noise of many utterances.

    Args:
        shares: of speech in the duration, sorted
        snr_db: signal-to-noise ratios of the utterances with speech, sorted
        empty: ids of utterances nearly without speech, with their speech, the worst first
        noisy: ids of noisy utterances, with their ratios, the worst first
    """

    shares: tuple[float, ...] = ()
    snr_db: tuple[float, ...] = ()
    empty: tuple[str, ...] = ()
    noisy: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """Description and size of a corpus.

    Args:
        reader: the reader's name
        title: the corpus's full name
        licence: as its authors state it
        url: where to get it
        path: the folder it was read from
        n: utterances
        n_with_sound: utterances with sound
        hours: total duration of their sound
        n_rejected: files and rows that could not be used
        classes: utterances by speaker, then by emotion ("" where there is none)
        durations_s: durations of the utterances that have one, sorted
        by_attribute: `sex`, `intensity` or `age` → utterances by its values, then by emotion
        speech: speech and noise of the utterances with sound
    """

    reader: str
    title: str
    licence: str
    url: str
    path: str
    n: int
    n_with_sound: int
    hours: float
    n_rejected: int
    classes: Mapping[str, Mapping[str, int]]
    durations_s: tuple[float, ...]
    by_attribute: Mapping[str, Distribution] = field(default_factory=dict)
    speech: SpeechSummary = field(default_factory=SpeechSummary)

    @property
    def speakers(self) -> str:
        """The number of speakers, their utterances, and the utterances without a speaker, in words."""
        counts = sorted(sum(by_label.values()) for speaker, by_label in self.classes.items() if speaker)
        n_unknown = sum(self.classes.get("", {}).values())
        if not counts:
            return f"No speaker is known: {many(n_unknown, 'utterance')}." if n_unknown else "No utterances."
        span = f"{counts[0]:,}" if counts[0] == counts[-1] else f"{counts[0]:,} to {counts[-1]:,}"
        middle = "" if counts[0] == counts[-1] else f", median {median(counts):,.0f}"
        identified = f"{many(len(counts), 'speaker')} with {span} utterance{'s' * (counts[-1] > 1)}{middle}"
        unknown = f"{many(n_unknown, 'utterance')} without a speaker" if n_unknown else "none is unknown"
        return f"{identified}; {unknown}."


@dataclass(frozen=True)
class Diagnosis:
    """The doctor's report on a corpus.

    Args:
        name: the corpus's name in params.yaml
        simulated: whether undertone made the corpus
        facts: its description and size
        counts: published and actual counts
        complaints: by severity, then in the order of `KINDS`
        known_bad: the files known to be broken
        clear: kinds that were checked, without a complaint
        not_looked: kinds that could not be checked
        verdict: "sound", "usable" or "broken"
        why: the verdict in one sentence
        to_do: what to do about it
    """

    name: str
    simulated: bool
    facts: Facts
    counts: tuple[Count, ...]
    complaints: tuple[Complaint, ...]
    known_bad: tuple[KnownBad, ...]
    clear: tuple[str, ...]
    not_looked: tuple[str, ...]
    verdict: Verdict
    why: str
    to_do: str

    @property
    def title(self) -> str:
        """The headline: the corpus, and whether it is simulated."""
        return f"{self.facts.title} (simulated)" if self.simulated else self.facts.title


def complaint(kind: str, severity: Severity, names: Sequence[str], what: str, advice: str) -> Iterable[Complaint]:
    """Yield a complaint, or nothing if no names are given.

    Args:
        kind: one of `KINDS`
        severity: one of `SEVERITIES`
        names: the utterances, files or sets of them that have the problem
        what: the problem in one sentence
        advice: what to do
    """
    if names:
        yield Complaint(kind, severity, len(names), what, tuple(names[:MOST_EXAMPLES]), advice)


def many(n: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun: "1 text has", "2 texts have".

    Args:
        n: the number
        singular: the words after 1
        plural: the words after other numbers; the singular with an s if empty
    """
    return f"{n:,} {singular if n == 1 else plural or singular + 's'}"


def ranked(complaints: Iterable[Complaint]) -> tuple[Complaint, ...]:
    """Return complaints by severity, then in the order of `KINDS`.

    Args:
        complaints: in any order
    """
    severities, kinds = list(SEVERITIES), list(KINDS)
    return tuple(sorted(complaints, key=lambda entry: (severities.index(entry.severity), kinds.index(entry.kind))))


def judge(complaints: Sequence[Complaint], n: int, n_rejected: int) -> tuple[Verdict, str, str]:
    """Return the verdict, the reason in one sentence, and what to do.

    Args:
        complaints: all of the corpus's
        n: utterances read
        n_rejected: files and rows that could not be used
    """
    if not n:
        return "broken", "No utterance can be used.", _first_advice(complaints)
    n_faults = sum(entry.n for entry in complaints if entry.severity == "fault")
    n_warnings = sum(entry.severity == "warning" for entry in complaints)
    share = n_faults / (n + n_rejected)
    if share > BROKEN_SHARE:
        total = f"{n + n_rejected:,} utterances, files and rows"
        why = f"{many(n_faults, 'fault')} on {total}: {share:.1%}, more than {BROKEN_SHARE:.0%}."
        return "broken", why, _first_advice(complaints)
    if n_faults:
        why = f"{n:,} utterances can be used; {many(n_faults, 'fault')} to repair or to report."
        return "usable", why, _first_advice(complaints)
    if n_warnings:
        why = f"All {n:,} utterances can be used; {many(n_warnings, 'warning')} to check first."
        return "usable", why, _first_advice(complaints)
    return "sound", f"All {n:,} utterances can be used; there are no faults or warnings.", "Nothing."


def _first_advice(complaints: Sequence[Complaint]) -> str:
    return (
        ranked(complaints)[0].advice
        if complaints
        else "Check the folder: does it hold the corpus that its reader reads?"
    )
