"""What the doctor says: complaints about a corpus, and a verdict drawn from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tasks.corpora.readers.reading import Count

Severity = Literal["fault", "warning", "note"]
Verdict = Literal["sound", "usable", "broken"]

SEVERITIES: Mapping[Severity, str] = {
    "fault": "lost, or wrong if used as it stands",
    "warning": "may be meant; look before you train on it",
    "note": "good to know",
}
KINDS = {
    "missing": "utterances that should be there and are not",
    "counts": "counts other than the published ones",
    "unreadable": "files that cannot be read",
    "truncated": "files that break off",
    "wrong label": "labels that the corpus does not have",
    "two labels": "one sound with two labels",
    "timestamps": "times that cannot be right",
    "unused": "what could not be used for another reason",
    "known bad": "files that are known to be broken",
    "silent": "silence",
    "clipped": "clipped sound",
    "too long": "utterances that are too long",
    "too short": "utterances that are too short",
    "same bytes": "the same file twice",
    "same samples": "the same sound in two files",
    "same sound": "nearly the same sound twice",
    "damaged text": "letters lost in the text",
    "extra": "files and rows that belong to no utterance",
    "no label": "utterances without a label",
    "format": "stereo, and other sampling rates than most",
    "mended": "what was mended while reading",
}
"""Everything that is looked for, in the order in which it is told."""
NEEDS_SOUND = frozenset({"silent", "clipped", "same bytes", "same samples", "same sound", "two labels", "format"})
"""What can only be looked for where there is sound."""

BROKEN_SHARE = 0.05
"""With more of the corpus at fault than this, figures from it do not compare with anyone's."""
MOST_EXAMPLES = 10


@dataclass(frozen=True)
class Complaint:
    """One thing that is the matter.

    Args:
        kind: one of `KINDS`
        severity: one of `SEVERITIES`
        n: how many utterances, files or sets of them it concerns
        what: one sentence that says what was found
        examples: names, `MOST_EXAMPLES` at most (text from outside: escaped where it is shown)
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
    """A file that is known to be broken, and whether it is here: "in use", "left out" or "not here"."""

    name: str
    wrong: str
    here: str


@dataclass(frozen=True)
class Facts:
    """What the corpus is and holds.

    Args:
        reader: the reader's name
        title: the corpus's full name
        licence: as its authors state it
        url: where to get it
        path: the folder it was read from
        n: utterances
        n_with_sound: utterances with sound
        hours: their sound, in hours
        n_rejected: files and rows that could not be used
        classes: utterances by speaker, then by emotion ("" where there is none)
        durations_s: length of every utterance that has one, in seconds, sorted
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


@dataclass(frozen=True)
class Diagnosis:
    """What the doctor found.

    Args:
        name: the corpus's name in params.yaml
        simulated: whether undertone made the corpus itself
        facts: what it is and holds
        counts: published counts beside those found
        complaints: in the order of severity, then of `KINDS`
        known_bad: the files known to be broken
        clear: kinds that were looked for and not found
        not_looked: kinds that could not be looked for
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
    """Yield a complaint about what is named, or nothing where nothing is."""
    if names:
        yield Complaint(kind, severity, len(names), what, tuple(names[:MOST_EXAMPLES]), advice)


def many(n: int, one: str, several: str = "") -> str:
    """Return a number and what it counts: "1 text has", "2 texts have"; with an s where nothing else is given."""
    return f"{n:,} {one if n == 1 else several or one + 's'}"


def ranked(complaints: Iterable[Complaint]) -> tuple[Complaint, ...]:
    """Return complaints in the order of severity, then of `KINDS`."""
    severities, kinds = list(SEVERITIES), list(KINDS)
    return tuple(sorted(complaints, key=lambda one: (severities.index(one.severity), kinds.index(one.kind))))


def judge(complaints: Sequence[Complaint], n: int, n_rejected: int) -> tuple[Verdict, str, str]:
    """Return the verdict, why in one sentence, and what to do.

    Args:
        complaints: all of them
        n: utterances read
        n_rejected: files and rows that could not be used
    """
    if not n:
        return "broken", "Nothing in it can be used.", _first_advice(complaints)
    n_faults = sum(one.n for one in complaints if one.severity == "fault")
    n_warnings = sum(one.severity == "warning" for one in complaints)
    share = n_faults / (n + n_rejected)
    if share > BROKEN_SHARE:
        of = f"{n + n_rejected:,} utterances, files and rows"
        why = f"{many(n_faults, 'fault')} on {of}: {share:.1%}, more than {BROKEN_SHARE:.0%}."
        return "broken", why, _first_advice(complaints)
    if n_faults:
        why = f"{n:,} utterances can be used; {many(n_faults, 'fault')} to mend or to state."
        return "usable", why, _first_advice(complaints)
    if n_warnings:
        why = f"All {n:,} utterances can be used; {many(n_warnings, 'warning')} to look at first."
        return "usable", why, _first_advice(complaints)
    return "sound", f"All {n:,} utterances can be used; nothing was found that speaks against it.", "Nothing."


def _first_advice(complaints: Sequence[Complaint]) -> str:
    return ranked(complaints)[0].advice if complaints else "Look at the folder: is it the corpus that its reader reads?"
