"""The audit of two tables finds planted leaks and nothing else, and names their rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from tasks.core.errors import ConfigError
from tasks.leaks.finding import Finding
from tasks.on_demand.without_project import table_audit, utterance_table
from tasks.on_demand.without_project.table_audit import TableAudit


def tables(train: dict[str, list[object]], test: dict[str, list[object]], **options: object) -> TableAudit:
    frames = [utterance_table.of_frame(pd.DataFrame(rows), name) for rows, name in ((train, "train"), (test, "test"))]
    return table_audit.audit(*frames, **options)  # type: ignore[arg-type]


def finding(audit: TableAudit, check: str) -> Finding:
    (match,) = [finding for finding in audit.findings if finding.check == check]
    return match


def noise(seed: int, duration_s: float = 1.5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    envelope = 0.1 + np.abs(np.sin(np.linspace(0, 9 + seed, round(16_000 * duration_s))))
    # 16 bits: formats round real numbers differently
    return np.int16(1000 * envelope * rng.standard_normal(envelope.size))


def test_tables_that_share_nothing_are_clean() -> None:
    audit = tables({"speaker": ["a", "b"], "text": ["one", "two"]}, {"speaker": ["c"], "text": ["three"]})
    assert audit.passed
    assert not any(finding.n for finding in audit.findings)
    assert audit.shared == {}


def test_shared_speakers_are_a_violation_with_their_names_and_rows() -> None:
    audit = tables({"speaker": ["a", "b", "b"]}, {"speaker": ["c", "b", "b"]})
    found = finding(audit, "seen speakers")
    assert (found.severity, found.n, found.of) == ("violation", 2, 3)
    assert found.examples == ("b: row 1 and training row 1",)
    assert not audit.passed
    (value,) = audit.shared["speaker"]
    assert (value.value, value.n_train, value.n_test, value.train_row, value.test_row) == ("b", 2, 2, 1, 1)
    (entry,) = [entry for entry in audit.to_dict()["findings"] if entry["check"] == "seen speakers"]
    assert entry["rows"] == [[1, 1], [2, 1]]


def test_what_is_kept_apart_can_be_chosen_and_declared() -> None:
    train: dict[str, list[object]] = {"speaker": ["a"], "text": ["I do not know what you mean"]}
    assert finding(tables(train, train), "same text").severity == "warning"
    assert finding(tables(train, train, apart=["text"]), "same text").severity == "violation"
    assert finding(tables(train, train, apart=["text"]), "seen speakers").severity == "warning"
    declared = tables(train, train, declared=["seen-speakers"])
    assert finding(declared, "seen speakers").severity == "declared"
    assert declared.passed
    with pytest.raises(ConfigError, match="cannot keep sound apart; expected some of speaker, group, script, text"):
        tables(train, train, apart=["sound"])
    with pytest.raises(ConfigError, match="no such check"):
        tables(train, train, declared=["seen-voices"])


@pytest.mark.parametrize(
    ("train", "test", "severity"),
    [
        (range(100), range(30), "unknown"),  # each table counts its own, as MELD does
        (range(100), range(100), "violation"),  # rows of the same dialogues
        (range(100), range(3, 100, 5), "violation"),
        ([f"d{number}" for number in range(100)], [f"d{number}" for number in range(30)], "violation"),
    ],
)
def test_numbers_that_each_table_counts_for_itself_decide_nothing(
    train: list[object], test: list[object], severity: str
) -> None:
    audit = tables({"dialogue_id": list(train)}, {"dialogue_id": list(test)})
    assert finding(audit, "seen groups").severity == severity
    assert audit.passed == (severity == "unknown")


def test_in_tables_of_texts_alone_a_shared_text_is_a_violation() -> None:
    audit = tables({"text": ["What a day!", "yes"]}, {"text": ["what a day", "no"]})
    assert (finding(audit, "same text").severity, finding(audit, "same text").n) == ("violation", 1)
    assert finding(audit, "same text").examples == ("test row 0 and train row 0",)


def test_copies_of_a_sound_are_found_whatever_they_are_called(tmp_path: Path) -> None:
    folder = {name: tmp_path / name for name in ("a.wav", "b.wav", "c.flac", "d.wav")}
    soundfile.write(folder["a.wav"], noise(1), 16_000)
    soundfile.write(folder["b.wav"], noise(2), 16_000)
    soundfile.write(folder["c.flac"], noise(1), 16_000)
    soundfile.write(folder["d.wav"], np.int16(noise(2) // 10), 16_000)
    audit = tables({"path": ["a.wav", "b.wav"]}, {"path": ["c.flac", "d.wav"]}, media=tmp_path)
    assert finding(audit, "same sound").examples == ("test row 0 and train row 0",)
    assert set(finding(audit, "similar sound").examples) == {
        "test row 0 and train row 0",
        "test row 1 and train row 1",
    }
    assert not audit.passed


def test_one_file_in_both_tables_is_a_shared_recording_even_if_it_is_not_there() -> None:
    audit = tables({"path": ["a.wav", "b.wav"]}, {"path": ["./a.wav"]})
    assert finding(audit, "seen recordings").severity == "violation"
    (note,) = [note for note in audit.not_checked if note.startswith("sound")]
    assert "none of the 2 files is there" in note


def test_parts_of_a_recording_are_compared_by_their_times(wav: Callable[..., Path]) -> None:
    path = str(wav(4.0))
    train: dict[str, list[object]] = {"audio": [path], "start": [0.0], "end": [1.5]}
    apart = {"audio": [path], "start": [2.0], "end": [3.5]}
    overlapping = {"audio": [path], "start": [1.0], "end": [2.5]}
    assert finding(tables(train, apart), "overlapping spans").n == 0
    assert finding(tables(train, overlapping), "overlapping spans").n == 1
    spans: dict[str, list[object]] = {"speaker": ["a"], "start": [0.0], "end": [1.5]}
    assert "overlapping spans" not in {entry.check for entry in tables(spans, spans).findings}


def test_files_that_cannot_be_read_are_listed(tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    soundfile.write(tmp_path / "good.wav", noise(1), 16_000)
    audit = tables({"path": ["good.wav", "bad.wav"]}, {"path": ["gone.wav"]}, media=tmp_path)
    assert [name for name, _ in audit.unreadable] == ["test row 0", "train row 1"]
    assert audit.passed
