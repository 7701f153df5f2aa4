"""The corpus doctor: finds missing, broken, duplicated and mislabelled parts of a corpus, with advice on each."""

from __future__ import annotations

from collections import Counter, defaultdict

from tasks.core.config import Config
from tasks.corpora.doctor import distributions, length_findings, name_findings, sound_findings, speech_findings
from tasks.corpora.doctor.findings import KINDS, NEEDS_SOUND, Diagnosis, Facts, judge, ranked
from tasks.corpora.doctor.inputs import CorpusTables, load

__all__ = ["diagnose", "examine"]


def examine(name: str, config: Config) -> Diagnosis:
    """Diagnose a corpus that stage `corpus` has read.

    Args:
        name: its name in params.yaml
        config: all settings

    Raises:
        TableError: if the stage has not read it yet
    """
    return diagnose(name, load(name, config))


def diagnose(name: str, data: CorpusTables) -> Diagnosis:
    """Diagnose a corpus.

    Args:
        name: its name in params.yaml
        data: its tables
    """
    expected = data.corpus.expected(data.rows)
    known_bad = name_findings.known_bad(data)
    complaints = ranked(
        [
            *name_findings.complaints(data, expected, known_bad),
            *sound_findings.complaints(data),
            *length_findings.complaints(data),
        ]
    )
    present = {complaint.kind for complaint in complaints}
    skipped = frozenset() if data.sounds else NEEDS_SOUND
    verdict, why, to_do = judge(complaints, len(data.rows), len(data.rejects))
    return Diagnosis(
        name=name,
        simulated=data.simulated,
        facts=_facts(data),
        counts=expected.counts,
        complaints=complaints,
        known_bad=known_bad,
        clear=tuple(kind for kind in KINDS if kind not in present and kind not in skipped),
        not_looked=tuple(kind for kind in KINDS if kind in skipped),
        verdict=verdict,
        why=why,
        to_do=to_do,
    )


def _facts(data: CorpusTables) -> Facts:
    classes: dict[str, Counter[str]] = defaultdict(Counter)
    for row in data.rows:
        classes[row["speaker"] or ""][row["emotion"] or row["sentiment"] or ""] += 1
    return Facts(
        reader=data.corpus.name,
        title=data.corpus.title,
        licence=data.corpus.licence,
        url=data.corpus.url,
        path=data.path,
        n=len(data.rows),
        n_with_sound=len(data.measured),
        hours=sum(sound["duration_s"] for _, sound in data.measured) / 3600,
        n_rejected=len(data.rejects),
        classes={speaker: dict(counts) for speaker, counts in sorted(classes.items())},
        durations_s=tuple(sorted(sound_findings.durations(data).values())),
        by_attribute=distributions.by_attribute(data.rows),
        speech=speech_findings.summary(data.signals.values()),
    )
