"""Upgrades of projects: unedited files are replaced, edited ones merged or refused."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from flows.cli.main import app
from flows.project import shipped, upgrade, workspace
from flows.project.dag import Dag
from tasks.core import paths, tables
from tasks.core.code_version import ROOT
from tasks.core.config import load
from tasks.core.errors import InputError, UndertoneError
from tasks.experiments import plan
from tests.flows.project import old_project

DAG_0_1_0 = (old_project.EARLIER / "dvc-0.1.0.yaml").read_text()
NEXT = (
    DAG_0_1_0.replace("tasks/telling.py", "tasks/core/progress_log.py")
    .replace("  corpus:\n", "  added: {cmd: echo, outs: [data/added]}\n\n  corpus:\n")
    .replace("python -m tasks", "python -m undertone")
)
"""The dvc.yaml of a next version, with a renamed helper and one more stage."""
MY_STAGE = "\n  words:\n    # for the paper\n    cmd: wc data/train.csv > data/words.txt\n    outs: [data/words.txt]\n"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return old_project.make(tmp_path / "old")


@pytest.fixture
def next_version(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Ship another dvc.yaml."""
    text = shipped.text

    def ship(dag: str) -> None:
        monkeypatch.setattr(shipped, "text", lambda name: dag if name == "dvc.yaml" else text(name))

    return ship


def upgraded(folder: Path, **options: object) -> list[str]:
    notes: list[str] = []
    upgrade.bring_up_to_date(folder, notes.append, **options)  # type: ignore[arg-type]
    return notes


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files of a project except code and locks."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "locks" not in path.parts
    }


def test_an_unedited_project_is_upgraded_and_keeps_its_results(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(old)
    notes = upgraded(old)
    assert [note for note in notes if note.startswith("dvc.yaml")] == [
        "dvc.yaml: replaced by that of this version; it was not edited"
    ]
    for name in ("dvc.yaml", "prefect.yaml", ".dvcignore"):
        assert (old / name).read_text() == shipped.text(name)
    assert (old / ".gitignore").read_text() == shipped.GITIGNORE
    assert "tasks, flows: links to the code removed; stages run the installed undertone" in notes
    assert (old / shipped.NOTE).read_text() == shipped.note()
    after = contents(old)
    for name in ("data/train.csv", "data/test.csv", ".dvc/config"):
        assert after[name] == before[name]
    recorded = {name: stage["cmd"] for name, stage in YAML(typ="safe").load(after["dvc.lock"])["stages"].items()}
    retired = {"acoustic", "train", "evaluate"}
    assert {name for name, command in recorded.items() if command == f"python -m tasks {name}"} == retired
    assert all(command == f"python -m undertone {name}" for name, command in recorded.items() if name not in retired)
    assert after["dvc.lock"].replace(b"-m undertone", b"-m tasks") == before["dvc.lock"]
    assert "dvc.lock: the commands of 7 stages are now `python -m undertone …`; no stage reruns for that" in notes
    assert not any((old / name).is_symlink() for name in ("tasks", "flows"))
    assert not (old / upgrade.REPLACED).exists()
    settings = YAML(typ="safe").load(old / "params.yaml")
    assert settings["simulate"]["train"] == 6, "the user's value"
    assert not {"acoustic", "train"} & set(settings)
    assert "params.yaml: train.seed (7) is now experiments.interviews-source.seeds" in notes
    assert plan.plan("interviews-source", load(old / "params.yaml")).points[0] == {"ties": "first", "c": 0.001}
    monkeypatch.chdir(old)
    dag = Dag()
    assert {"crawl", "experiment@interviews-source", "report"} <= set(dag.stages())
    assert not dag.is_current("crawl"), "an old record is no error"
    assert "train" in dag.recorded()
    assert contents(old).items() >= after.items(), "opening the DAG changes no file"


def test_results_of_an_earlier_version_are_still_read(old: Path) -> None:
    folder = old / "data" / "experiment" / "mine"
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text('{"all": "scores"}')
    upgraded(old)
    assert (folder / "results.json").read_text() == '{"all": "scores"}'
    assert (folder / "metrics.json").read_text() == '{"all": "scores"}'


def test_a_second_upgrade_does_nothing(old: Path) -> None:
    upgraded(old)
    stamps = {name: (old / name).stat().st_mtime_ns for name in shipped.COPIED}
    assert upgraded(old) == []
    assert {name: (old / name).stat().st_mtime_ns for name in shipped.COPIED} == stamps


def test_outputs_of_stages_that_are_gone_are_named_once(old: Path, next_version: Callable[[str], None]) -> None:
    start, end = DAG_0_1_0.index("  train:\n"), DAG_0_1_0.index("  evaluate:\n")
    next_version(DAG_0_1_0[:start] + DAG_0_1_0[end:])
    (old / "data" / "train").mkdir(exist_ok=True)
    line = "data/train: nothing makes or reads these folders any more; remove them, if you do not need them"
    assert [note for note in upgraded(old) if note.startswith("data/")] == [line]
    assert upgraded(old) == []


def test_edits_are_merged_and_listed(
    old: Path, next_version: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    next_version(NEXT)
    edited = (
        DAG_0_1_0.replace("desc: Fetch each interview's sound", "desc: My interviews' sound")
        .replace("      - data/report/index.html", "      - data/report/index.html:\n          cache: false")
        .replace("    cmd: python -m tasks train", "    cmd: nice python -m tasks train")
    ) + MY_STAGE
    (old / "dvc.yaml").write_text(edited)
    note, advice = (note for note in upgraded(old) if note.startswith("dvc.yaml"))
    edits = note.split("\n  ")[1:]
    assert edits[0].startswith("stages.crawl.desc: My interviews' sound and captions once")
    assert edits[1:] == [
        "stages.train.cmd: nice python -m undertone train instead of python -m undertone train",
        "stages.report.outs.data/report/index.html: {'cache': False} instead of (nothing set)",
        "stages.words: added",
    ]
    assert "own/dvc.yaml" in advice
    expected = (
        NEXT.replace("desc: Fetch each interview's sound", "desc: My interviews' sound")
        .replace("      - data/report/index.html", "      - data/report/index.html:\n          cache: false")
        .replace("    cmd: python -m undertone train", "    cmd: nice python -m undertone train")
    ) + MY_STAGE
    assert (old / "dvc.yaml").read_text() == expected
    assert (old / upgrade.REPLACED / "dvc.yaml.old").read_text() == edited
    assert upgraded(old) == []
    monkeypatch.chdir(old)
    assert {"words", "added"} <= set(Dag().stages())


def test_edits_survive_two_upgrades(old: Path, next_version: Callable[[str], None]) -> None:
    next_version(NEXT)
    (old / "dvc.yaml").write_text(DAG_0_1_0 + MY_STAGE)
    upgraded(old)
    next_version(NEXT.replace("tasks/core/progress_log.py", "tasks/core/log.py"))
    assert "stages.words: added" in upgraded(old)[0]
    assert (old / "dvc.yaml").read_text() == NEXT.replace("tasks/core/progress_log.py", "tasks/core/log.py") + MY_STAGE


@pytest.fixture
def conflicting(old: Path, next_version: Callable[[str], None]) -> Path:
    next_version(NEXT.replace("cmd: python -m undertone train", "cmd: python -m undertone train --fast"))
    path = old / "dvc.yaml"
    path.write_text(DAG_0_1_0.replace("cmd: python -m tasks train", "cmd: nice python -m tasks train") + MY_STAGE)
    return old


def test_conflicting_edits_stop_with_the_difference_and_change_nothing(conflicting: Path) -> None:
    before = contents(conflicting)
    with pytest.raises(InputError) as refused:
        upgraded(conflicting)
    lines = str(refused.value).splitlines()
    assert lines[:5] == [
        "Your edits of dvc.yaml conflict with this version of undertone. Nothing was changed. The conflicts:",
        "stages.train.cmd",
        "  made from    python -m undertone train",
        "  yours        nice python -m undertone train",
        "  shipped now  python -m undertone train --fast",
    ]
    assert "undertone link --edits keep" in str(refused.value)
    assert "undertone link --edits discard" in str(refused.value)
    assert contents(conflicting) == before


def test_a_user_resolves_a_conflict(conflicting: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = conflicting.with_name("other")
    shutil.copytree(conflicting, other, symlinks=True)
    edited = (conflicting / "dvc.yaml").read_text()
    kept = CliRunner().invoke(app, ["link", str(conflicting), "--edits", "keep"])
    assert kept.exit_code == 0, kept.output
    assert (conflicting / "dvc.yaml").read_text() == edited
    assert upgraded(conflicting) == []
    assert "your file is now .undertone/before-upgrade/dvc.yaml.old" in "".join(upgraded(other, edits="discard"))
    assert (other / "dvc.yaml").read_text() == shipped.text("dvc.yaml")
    assert (other / ".undertone" / "before-upgrade" / "dvc.yaml.old").read_text() == edited
    monkeypatch.chdir(other)
    assert "train" in Dag().stages(), "DVC does not read the file that was put away"


def test_a_merge_that_dvc_would_refuse_is_refused(old: Path, next_version: Callable[[str], None]) -> None:
    next_version(NEXT)
    (old / "dvc.yaml").write_text(DAG_0_1_0 + MY_STAGE.replace("data/words.txt]", "data/added]"))
    before = contents(old)
    with pytest.raises(InputError, match="the merged file cannot be used: output 'data/added'"):
        upgraded(old)
    assert contents(old) == before
    (old / "dvc.yaml").write_text("stages: [\n")
    with pytest.raises(InputError, match=r"dvc\.yaml:1: not valid YAML"):
        upgraded(old)


def test_other_shipped_files_are_merged_and_never_stop_a_run(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = shipped.text
    prefect = (old / "prefect.yaml").read_text()
    (old / "prefect.yaml").write_text(prefect.replace("0 3 * * *", "0 4 * * *").replace("[weak]", "[mine]"))
    (old / ".gitignore").write_text("/thesis\n" + (old / ".gitignore").read_text())
    new = prefect.replace("  - name: weekly", "  - name: monthly\n    tags: []\n\n  - name: weekly")
    monkeypatch.setattr(shipped, "text", lambda name: new if name == "prefect.yaml" else text(name))
    notes = "\n".join(upgraded(old))
    assert "prefect.yaml: merged with that of this version" in notes
    merged = YAML(typ="safe").load(old / "prefect.yaml")["deployments"]
    assert [deployment["name"] for deployment in merged] == ["nightly", "monthly", "weekly-benchmark"]
    assert merged[0]["tags"] == ["mine"]
    assert merged[0]["schedules"][0]["cron"] == "0 4 * * *"
    lines = (old / ".gitignore").read_text().splitlines()
    assert lines[0] == "/thesis"
    assert set(shipped.GITIGNORE.splitlines()) <= set(lines)
    latest = new.replace("0 3 * * *", "0 5 * * *")
    monkeypatch.setattr(shipped, "text", lambda name: latest if name == "prefect.yaml" else text(name))
    kept = (old / "prefect.yaml").read_text()
    (note,) = upgraded(old)
    assert note.startswith("prefect.yaml: kept, since your edits conflict")
    assert (old / "prefect.yaml").read_text() == kept
    assert upgraded(old) == []


def test_new_parameters_are_added_to_the_users_file(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upgraded(old)
    text, mine = shipped.text, (old / "params.yaml").read_text()
    new = text("params.yaml").replace("  least_coverage:", "  least_ratings: 1.0    # of a listener\n  least_coverage:")
    monkeypatch.setattr(shipped, "text", lambda name: new if name == "params.yaml" else text(name))
    assert upgraded(old) == ["params.yaml: added labels.least_ratings with its default, 1.0"]
    added = "  least_ratings: 1.0    # of a listener\n"
    assert (old / "params.yaml").read_text() == mine.replace("  least_coverage:", f"{added}  least_coverage:")
    assert upgraded(old) == []


def test_an_upgrade_that_was_killed_is_finished(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shipped, "record", killed)
    with pytest.raises(KeyboardInterrupt):
        upgraded(old)
    monkeypatch.undo()
    (old / ".dvc.yaml.abc.part").write_text("half")
    upgraded(old)
    assert not (old / ".dvc.yaml.abc.part").exists()
    assert (old / "dvc.yaml").read_text() == shipped.text("dvc.yaml")
    assert upgraded(old) == []


def test_a_folder_that_cannot_be_written_gives_one_line(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(path: Path, _: bytes) -> None:
        raise OSError(code, os.strerror(code), str(path))

    code = errno.ENOSPC
    monkeypatch.setattr(tables, "write_bytes", read_only)
    with pytest.raises(OSError, match="No space left"):
        upgraded(old)
    code = errno.EROFS
    with pytest.raises(UndertoneError) as refused:
        upgraded(old)
    message = str(refused.value)
    assert "\n" not in message
    assert "must be updated for this version of undertone" in message
    assert "Read-only file system. Make the folder writable and run again" in message


def test_two_processes_at_the_same_time(old: Path) -> None:
    code = "from pathlib import Path; from flows.project import upgrade; upgrade.bring_up_to_date(Path(), print)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    both = [
        subprocess.Popen([sys.executable, "-c", code], cwd=old, env=environment, text=True, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    outputs = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert "".join(outputs).count("dvc.yaml: replaced") == 1
    assert upgraded(old) == []
    assert not list(old.glob(".*.part"))


def test_records_survive_git(tmp_path: Path, next_version: Callable[[str], None]) -> None:
    made, clone = tmp_path / "made", tmp_path / "clone"
    workspace.create(made)
    assert upgraded(made) == []
    subprocess.run(["git", "clone", "-q", str(made), str(clone)], check=True)
    next_version(shipped.text("dvc.yaml") + "\n  added: {cmd: echo, outs: [data/added]}\n")
    assert upgraded(clone) == ["dvc.yaml: replaced by that of this version; it was not edited"]


@pytest.mark.parametrize("name", shipped.COPIED)
def test_files_of_0_1_0_are_recognised_without_a_record(name: str) -> None:
    text = shipped.earlier_text(name)
    assert shipped.was_shipped(name, text)
    assert not shipped.was_shipped(name, f"{text}\n")


def test_other_folders_are_not_changed(tmp_path: Path) -> None:
    assert not upgrade.is_project(ROOT), "undertone itself"
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    before = contents(tmp_path)
    assert upgraded(tmp_path) == []
    assert contents(tmp_path) == before


def test_settings_and_dag_upgrade_first(
    old: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(old)
    params = (old / "params.yaml").read_text()
    (old / "params.yaml").write_text(re.sub(r"  least_coverage: .*\n", "", params))
    assert upgrade.settings().labels.least_coverage == 0.5
    assert "params.yaml: added labels.least_coverage" in capsys.readouterr().err
    shutil.rmtree(old / shipped.RECORDS)
    (old / "dvc.yaml").write_text(DAG_0_1_0)
    notes: list[str] = []
    Dag(waiting=notes.append)
    assert "dvc.yaml: replaced by that of this version; it was not edited" in notes


def test_folders_of_this_version_are_made(old: Path) -> None:
    shutil.rmtree(old / "data" / "voters")
    upgraded(old)
    for name in shipped.DATA_FOLDERS:
        assert (old / paths.DATA / name / "README.md").is_file()
