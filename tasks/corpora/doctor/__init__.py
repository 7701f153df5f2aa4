"""The corpus doctor: what is missing, broken, doubled or mislabelled in a corpus, and what to do about it."""

from __future__ import annotations

from collections import Counter, defaultdict

from tasks.core.config import Config
from tasks.corpora.doctor import name_findings, sound_findings
from tasks.corpora.doctor.findings import KINDS, NEEDS_SOUND, Diagnosis, Facts, judge, ranked
from tasks.corpora.doctor.inputs import Material, load

__all__ = ["diagnose", "examine"]


def examine(name: str, config: Config) -> Diagnosis:
    """Look over a corpus that the stage `corpus` has read.

    Args:
        name: its name in params.yaml
        config: all settings

    Raises:
        TableError: if the stage has not read it yet
    """
    return diagnose(name, load(name, config))


def diagnose(name: str, found: Material) -> Diagnosis:
    """Return what is the matter with a corpus, and a verdict."""
    expected = found.corpus.expected(found.rows)
    bad = name_findings.known_bad(found)
    complaints = ranked(
        [
            *name_findings.rejected(found),
            *name_findings.absent(found, expected),
            *name_findings.broken(bad),
            *name_findings.times(found),
            *name_findings.words(found),
            *sound_findings.levels(found),
            *sound_findings.lengths(found),
            *sound_findings.formats(found),
            *sound_findings.copies(found),
        ]
    )
    told = {one.kind for one in complaints}
    deaf = frozenset() if found.sounds else NEEDS_SOUND
    verdict, why, to_do = judge(complaints, len(found.rows), len(found.rejects))
    return Diagnosis(
        name=name,
        simulated=found.simulated,
        facts=_facts(found),
        counts=expected.counts,
        complaints=complaints,
        known_bad=bad,
        clear=tuple(kind for kind in KINDS if kind not in told and kind not in deaf),
        not_looked=tuple(kind for kind in KINDS if kind in deaf),
        verdict=verdict,
        why=why,
        to_do=to_do,
    )


def _facts(found: Material) -> Facts:
    classes: dict[str, Counter[str]] = defaultdict(Counter)
    for row in found.rows:
        classes[row["speaker"] or ""][row["emotion"] or ""] += 1
    return Facts(
        reader=found.corpus.name,
        title=found.corpus.title,
        licence=found.corpus.licence,
        url=found.corpus.url,
        path=found.path,
        n=len(found.rows),
        n_with_sound=len(found.heard),
        hours=sum(measured["duration_s"] for _, measured in found.heard) / 3600,
        n_rejected=len(found.rejects),
        classes={speaker: dict(counts) for speaker, counts in sorted(classes.items())},
        durations_s=tuple(sorted(sound_findings.durations(found).values())),
    )
