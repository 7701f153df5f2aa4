"""Terminal output of experiments: checks of the audit."""

from __future__ import annotations

import pytest

from flows.cli.screens import experiments
from tasks.core.config import Config
from tests.tasks.pages.experiment_results import of_classes


def test_a_check_without_findings_is_no_violation(
    settings: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    audit = [
        {"check": "seen speakers", "severity": "violation", "n": 0, "of": 480, "what": "no speaker"},
        {"check": "same text", "severity": "warning", "n": 3, "of": 480, "what": "of the test utterances"},
    ]
    experiments.result(settings, of_classes(experiment="interviews-source", audit=audit), None)
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert "warning: same text: 3 of 480 of the test utterances" in lines
    assert "Not found: seen speakers" in lines
    assert not [line for line in lines if "violation" in line]
