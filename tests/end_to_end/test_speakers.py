"""The interviews with speakers told apart: `undertone run`, `dvc repro` and a flow write the same bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows.project.dag import Dag, reproduce
from flows.runs import in_process
from tasks.core import paths, tables
from tests.tasks.media.voices import conftest as tiny

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200), pytest.mark.filterwarnings("default")]
weights = tiny.weights


def artifacts(folder: Path) -> dict[str, bytes]:
    made = (path for path in sorted((folder / "data").rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in made if path.parent.name != "data"}


def test_all_drivers_write_the_same_bytes(
    workspaces: Callable[..., tuple[Path, ...]], monkeypatch: pytest.MonkeyPatch, weights: Path, prefect: None
) -> None:
    from flows.weak_supervision import weak_supervision

    folders = by_dvc, by_flow, by_run = workspaces("by-dvc", "by-flow", "by-run", train=6, test=3)
    for folder in folders:
        params = folder / "params.yaml"
        text = re.sub(r"(?m)^(speakers:.*\n  when: )never", r"\1always", params.read_text())
        params.write_text(text.replace("  speakers: all ", "  speakers: most"))
    monkeypatch.chdir(by_dvc)
    reproduce()
    monkeypatch.chdir(by_flow)
    weak_supervision()
    assert all(Dag().is_current(stage) for stage in Dag().stages())
    monkeypatch.chdir(by_run)
    in_process.bring_up_to_date(say=str)
    written = artifacts(by_dvc)
    assert artifacts(by_flow) == written
    assert artifacts(by_run) == written
    voices = tables.read(paths.SPEAKER_VOICES, tables.SPEAKER_VOICES)
    assert voices.num_rows >= 9
    left_out = tables.read(paths.VOTES, tables.VOTES)["left_out"].to_pylist()
    assert "another speaker" in left_out
    report = paths.REPORT.read_text(encoding="utf-8")
    assert "Speakers of each video" in report
    assert "Only utterances of the speaker who speaks most in the video." in report


def test_an_experiment_keeps_the_speakers_of_interviews_apart(
    workspaces: Callable[..., tuple[Path, ...]], monkeypatch: pytest.MonkeyPatch, weights: Path
) -> None:
    (folder,) = workspaces("project", train=6, test=3)
    quick = {
        "speakers": (r"(?m)^(speakers:.*\n  when: )never", r"\1always"),
        # to the tiny encoder the simulated voices sound alike: the audit would stop the run
        "protocol": (
            r"(?m)^    protocol: official .*$",
            "    protocol: speaker-out(2)\n    declare: [same-voice]",
        ),
        "model": (r"(?m)^    model: \{name: linear-svm, ties: first\}.*$", "    model: {name: linear-svm, c: 0.01}"),
        "tune": (r"(?m)^    tune: .*\n", ""),
        "shuffles": (r"(?m)^    shuffles: 20 .*$", "    shuffles: 1"),
        "calibration": (r"(?m)^    calibration_folds: 5 .*$", "    calibration_folds: 2"),
        "balance": (r"(?m)^    balance: smote .*$", "    balance: class-weights"),
    }
    params = folder / "params.yaml"
    text = params.read_text()
    for name, (pattern, replacement) in quick.items():
        text, n_replaced = re.subn(pattern, replacement, text)
        assert n_replaced == 1, name
    params.write_text(text)
    monkeypatch.chdir(folder)
    in_process.bring_up_to_date(say=str)
    results = json.loads((paths.experiment("interviews-source") / "results.json").read_text())
    assert results["protocol"] == "speaker-out(2)"
    assert [fold["fold"] for fold in results["folds"]] == ["fold 1 of 2", "fold 2 of 2"]
    severities = {finding["check"]: finding["severity"] for finding in results["audit"]}
    assert "violation" not in severities.values()
    assert severities["same voice"] == "declared"
    rows = tables.read_corpus(paths.utterances("interviews")).to_pylist()
    speakers = {row["utterance_id"]: row["speaker"] for row in rows}
    predictions = pq.read_table(paths.experiment("interviews-source") / "predictions.parquet").to_pylist()
    of_folds: dict[str, set[str]] = {}
    for row in predictions:
        if row["variant"] == "recipe":
            of_folds.setdefault(row["fold"], set()).add(speakers[row["utterance_id"]])
    first, second = of_folds.values()
    assert first and second and not first & second
    assert "" not in first | second
    assert "speaker-out(2)" in paths.page("interviews-source").read_text(encoding="utf-8")
