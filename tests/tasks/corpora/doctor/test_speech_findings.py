"""Complaints about utterances nearly without speech and about noisy ones, from rows and from sound."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.corpora import doctor
from tasks.corpora.doctor import speech_findings
from tests.tasks.corpora.doctor.test_doctor import healthy, sounds


def signal(name: str, speech_s: float, share: float, snr_db: float | None) -> dict[str, Any]:
    return {"utterance_id": name, "speech_s": speech_s, "speech_share": share, "snr_db": snr_db}


def test_distributions_and_the_worst_first() -> None:
    rows = [
        signal("a", 2.0, 0.8, 30.0), signal("b", 0.3, 0.06, 4.9), signal("c", 0.1, 0.5, -2.0), signal("d", 0, 0, None),
        {"utterance_id": "e", "speech_s": None, "speech_share": None, "snr_db": None},
    ]  # fmt: skip
    summary = speech_findings.summary(rows)
    assert summary.shares == (0, 0.06, 0.5, 0.8)
    assert summary.snr_db == (-2.0, 4.9, 30.0)
    assert summary.empty == ("d (no speech)", "b (0.30 s of speech)", "c (0.10 s of speech)")
    assert summary.noisy == ("c (−2.0 dB)", "b (4.9 dB)")
    kinds = [(entry.kind, entry.severity, entry.n) for entry in speech_findings.complaints(summary)]
    assert kinds == [("nearly empty", "warning", 3), ("noisy", "warning", 2)]


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({}, ["nearly empty"]),
        # a silent clip, or one shorter than a syllable, has a complaint of its own
        ({"peak_dbfs": None}, ["silent"]),
        ({"duration_s": 0.1}, ["too short"]),
    ],
)
def test_each_utterance_has_one_complaint(changes: dict[str, Any], kinds: list[str]) -> None:
    signals = {name: signal(name, 2.0, 0.8, 30.0) for name in sounds()}
    signals |= {"small/c03": signal("small/c03", 0.0, 0.0, None)}
    signals = {name: row | {"end_dbfs": None} for name, row in signals.items()}
    others = {f"c{number:02d}": {"duration_s": 2.0 + number / 100} for number in range(40)}
    data = healthy(signals=signals, sounds=sounds(**(others | {"c03": others["c03"] | changes})))
    diagnosis = doctor.diagnose("small", data)
    assert [entry.kind for entry in diagnosis.complaints] == kinds
    assert diagnosis.facts.speech.empty == ("small/c03 (no speech)",)
