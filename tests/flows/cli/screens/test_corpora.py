"""Terminal output on corpora: verdicts, counts, and external names as harmless text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.cli.screens import corpora
from tasks.corpora.doctor.findings import Complaint, Diagnosis, Facts, KnownBad
from tasks.corpora.readers.reading import Count
from tasks.leaks.finding import AuditReport, Finding


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Print a diagnosis on a wide terminal and return what it shows."""
    monkeypatch.setenv("COLUMNS", "200")

    def show(**changes: Any) -> str:
        facts = Facts("plain", "Corpus", "", "", "", 4, 4, 0.1, 0, {}, ())
        report = Diagnosis("mine", False, facts, (), (), (), (), (), "usable", "4 can be used.", "Fetch them.")
        corpora.diagnosis(replace(report, **changes))
        return capsys.readouterr().out

    return show


def test_the_verdict_is_last(shown: Callable[..., str]) -> None:
    complaint = Complaint("silent", "fault", 12, "12 are silent.", tuple(f"c{n}" for n in range(10)), "Leave them out.")
    text = shown(complaints=(complaint,), simulated=True)
    assert text.endswith("usable: 4 can be used.\nWhat to do: Fetch them.\n")
    assert "Corpus (simulated)" in text
    for expected in ("silent: 12 are silent.", "Leave them out.", "c0", "c2", "… 9 more"):
        assert expected in text
    assert "c3" not in text


def test_names_are_printed_without_markup_and_control_characters(shown: Callable[..., str]) -> None:
    hostile = "[red]x[/red]\x1b[2J\x07.wav"
    complaint = Complaint("silent", "fault", 1, hostile, (hostile,), "Look.")
    text = shown(complaints=(complaint,), counts=(Count(hostile, 1, 2),))
    assert text.count(r"[red]x[/red]\x1b[2J\x07.wav") == 3
    assert "\x1b" not in text


def test_of_many_counts_only_those_that_differ_are_shown(shown: Callable[..., str]) -> None:
    equal = tuple(Count(f"actor {number}", 60, 60) for number in range(20))
    text = shown(counts=(*equal, Count("clips", 1440, 1439)))
    assert "actor" not in text
    assert "1,440" in text
    assert "20 of 21 counts" in text
    assert "actor 19" in shown(counts=equal[-12:])


def test_labels_by_an_attribute_are_one_line(shown: Callable[..., str]) -> None:
    counts = {"female": {"anger": 6, "fear": 2, "": 1, "sadness": 1}, "\x1bmale": {"": 1}}
    facts = Facts("plain", "Corpus", "", "", "", 11, 11, 0.1, 0, {}, (), {"sex": counts})
    line = r"By sex: female 10 (anger 60%, fear 20%, no emotion 10%) · \x1bmale 1 (no emotion 100%)"
    assert line in shown(facts=facts).splitlines()


def test_known_bad_files_are_counted(shown: Callable[..., str]) -> None:
    bad = (KnownBad("a", "x", "in use"), KnownBad("b", "x", "not here"), KnownBad("c", "x", "not here"))
    assert "Files known to be broken: 1 in use, 2 not here" in shown(known_bad=bad)


def test_skipped_checks_of_sound_are_mentioned(shown: Callable[..., str]) -> None:
    assert "There is no sound" in shown(not_looked=("silent",))
    assert "There is no sound" not in shown()


def test_an_audit_ends_with_its_verdict(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    speakers = Finding("speaker overlap", "violation", 958, 1000, "958 [b]test[/b] utterances.", ("ross\x1b[2J",))
    dialogues = Finding("dialogue overlap", "violation", 0, 1000, "None.", ())
    same = Finding("same sound", "violation", 1, 1000, "0.1%", ("u and v",), (("u", "v"),))
    report = AuditReport("official", "Train and test as published.", 0, (), (dialogues, speakers, same))
    corpora.audit(report, "MELD", Path("audit.json"))
    text = capsys.readouterr().out
    assert "958 [b]test[/b] utterances." in text
    assert r"ross\x1b[2J" in text
    assert "Checks without findings: dialogue overlap" in text
    assert "Leaks: The run stops: speaker overlap (958 of 1,000), same sound (1 of 1,000)." in text
    assert "u and v" in text
    assert "All 1 pairs: audit.json" in text
    assert text.index("Train and test as published.") < text.index("Leaks:")
