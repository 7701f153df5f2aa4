"""DVC's records are replaced atomically; truncated ones are repaired."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.project import atomic_records
from flows.project.dag import Dag, reproduce
from tasks.core.errors import UndertoneError

DVC_YAML = "stages:\n  only: {cmd: cp source out, deps: [source], outs: [out]}\n"


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text(DVC_YAML)
    (tmp_path / "source").write_text("a")
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "-q"], check=True)
    return tmp_path


def test_a_record_is_replaced_when_it_is_complete(small: Path) -> None:
    record = small / "dvc.lock"
    record.write_text("old")
    files = atomic_records.file_system()
    with files.open(str(record), "w+", encoding="utf-8") as file:
        file.write("half of the n")
        file.flush()
        assert record.read_text() == "old"
        file.write("ew one")
    assert record.read_text() == "half of the new one"
    with pytest.raises(RuntimeError), files.open(str(record), "w", encoding="utf-8") as file:
        file.write("half")
        raise RuntimeError
    assert record.read_text() == "half of the new one"
    assert [path.name for path in small.iterdir() if path.name.endswith(".part")] == []


def test_dvc_writes_its_records_through_the_file_system(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    real = atomic_records._replacing

    def replacing(path: Path, mode: str, encoding: str | None) -> object:
        written.append(path.name)
        return real(path, mode, encoding)

    monkeypatch.setattr(atomic_records, "_replacing", replacing)
    reproduce()
    assert {"dvc.lock", "rwlock"} <= set(written)


@pytest.mark.parametrize("half", ["", "schema: '2.0'\nstages:\n  only:\n    cmd: 'cp so", "schema: '2.0'\nstages:\n"])
def test_a_truncated_dvc_lock_is_moved_and_reported(small: Path, half: str) -> None:
    reproduce()
    whole = (small / "dvc.lock").read_bytes()
    (small / "dvc.lock").write_text(half)
    messages: list[str] = []
    dag = Dag(waiting=messages.append)
    assert not dag.is_current("only")
    assert len(messages) == 1
    assert "dvc.lock is truncated" in messages[0]
    assert (small / ".undertone" / "damaged-dvc.lock").read_text() == half
    reproduce()
    assert (small / "dvc.lock").read_bytes() == whole


def test_a_record_truncated_anywhere_can_be_used_again(small: Path) -> None:
    (small / "params.yaml").write_text("only: {how: many, ratio: 0.5}\n")
    (small / "dvc.yaml").write_text(DVC_YAML.replace("outs:", "params: [only], outs:"))
    reproduce()
    whole = (small / "dvc.lock").read_bytes()
    ends = [place + 1 for place, letter in enumerate(whole) if letter == ord("\n")]
    for length in sorted({*ends[:-1], *range(0, len(whole), 7)}):
        (small / "dvc.lock").write_bytes(whole[:length])
        repo = Dag()._repo()
        atomic_records.repair(repo, lambda _: None)
        repo.status(targets=["only"])
    for length in ends[:-1]:
        (small / "dvc.lock").write_bytes(whole[:length])
        reproduce()
        assert (small / "dvc.lock").read_bytes() == whole, whole[:length]


@pytest.mark.parametrize(
    "record",
    ["null", "[]", "3", '{"write": []}', '{"read": {"/x": [{"pid": "7", "cmd": ""}]}}', '{"write": {"/x": {}}}'],
)
def test_an_invalid_rwlock_is_removed(small: Path, record: str) -> None:
    (small / ".dvc" / "tmp").mkdir(exist_ok=True)
    (small / ".dvc" / "tmp" / "rwlock").write_text(record)
    reproduce()
    assert Dag().is_current("only")


def test_a_truncated_rwlock_and_temporary_files_are_removed(small: Path) -> None:
    (small / ".dvc" / "tmp").mkdir(exist_ok=True)
    (small / ".dvc" / "tmp" / "rwlock").write_text('{"write": {"/x')
    (small / ".dvc" / "tmp" / ".rwlock.abc.part").write_text("{")
    (small / ".dvc.lock.abc.part").write_text("sch")
    reproduce()
    assert Dag().is_current("only")
    assert not list(small.glob(".*.part"))
    assert not list((small / ".dvc" / "tmp").glob(".*.part"))


def test_locks_of_earlier_processes_with_the_same_pid_are_removed(small: Path) -> None:
    reproduce()
    rwlock = small / ".dvc" / "tmp" / "rwlock"
    held = {str(small / "out"): {"pid": os.getpid(), "cmd": "a run before the container was started again"}}
    rwlock.write_text(json.dumps({"write": held, "read": {}}))
    os.utime(rwlock, (0, 0))
    (small / "source").write_text("b")
    reproduce()
    assert Dag().is_current("only")
    living = {str(small / "other"): {"pid": os.getpid(), "cmd": "still at work"}}
    rwlock.write_text(json.dumps({"write": living, "read": {}}))
    Dag()
    assert json.loads(rwlock.read_text())["write"] == living


def test_a_stage_that_fails_is_named(small: Path) -> None:
    (small / "dvc.yaml").write_text("stages:\n  only: {cmd: exit 3, deps: [source], outs: [out]}\n")
    with pytest.raises(UndertoneError, match="only"):
        reproduce()
