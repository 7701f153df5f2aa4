"""Simulated corpora with the flow, DVC and the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flows.corpus_benchmark import corpus_benchmark
from flows.project import workspace
from flows.project.dag import Dag
from tasks.core import paths
from tasks.corpora import intake
from tasks.on_demand import simulated_corpora as simulated


@pytest.fixture
def corpora(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    workspace.create(folder)
    monkeypatch.chdir(folder)
    for name in ("tess", "plain"):
        simulated.make(name, tmp_path / name)
        intake.add(f"my-{name}", tmp_path / name)
    return folder


def undertone(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = str(Path(sys.executable).with_name("undertone"))
    return subprocess.run([command, *arguments], capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.usefixtures("prefect")
def test_the_flow_reads_the_corpora_of_params_yaml(corpora: Path) -> None:
    state = corpus_benchmark(runner="threads", return_state=True)
    # besides the corpora: code
    assert state.message == "3 stages run, 0 current"
    dag = Dag()
    assert [stage for stage in dag.stages() if "@" in stage] == ["corpus@my-plain", "corpus@my-tess"]
    assert all(dag.is_current(stage) for stage in ("corpus@my-plain", "corpus@my-tess"))
    assert "corpus@my-tess" not in dag.up_to("report")
    first = {path.name: path.read_bytes() for path in paths.folder("corpus@my-tess").iterdir()}
    assert corpus_benchmark(runner="threads", return_state=True).message == "0 stages run, 3 current"
    done = undertone("run", "--force", "corpus@my-tess")
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in paths.folder("corpus@my-tess").iterdir()} == first


def test_doctor_audit_and_list(corpora: Path) -> None:
    listed = undertone("corpus", "list")
    assert "my-tess" in listed.stdout
    doctor = undertone("corpus", "doctor", "my-tess")
    assert doctor.returncode == 0, doctor.stderr
    assert "sound" in doctor.stdout or "usable" in doctor.stdout
    page = paths.folder("corpus@my-tess") / "doctor.html"
    assert "simulated" in page.read_text(encoding="utf-8").lower()
    passed = undertone("audit", "my-tess", "--protocol", "leave-one-speaker-out")
    assert passed.returncode == 0, passed.stderr
    assert "(simulated)" in (page.parent / "audit.html").read_text(encoding="utf-8")
    leaky = undertone("audit", "my-tess", "--protocol", "script-out(3)")
    assert "seen speakers" in leaky.stdout
    assert json.loads(paths.reading("my-tess").read_text())["simulated"] is True


def test_a_users_mistake_is_one_message_without_traceback(corpora: Path) -> None:
    for arguments, message in (
        (("corpus", "doctor", "nobody"), "has no corpus 'nobody'; it has my-tess, my-plain. Add it"),
        (("audit", "my-tess", "--protocol", "speaker-ou(2)"), "did you mean speaker-out(k)"),
        (("audit", "my-tess"), "official needs the split of every utterance"),
        (("audit", "my-tess", "--protocol", "random(3)", "--declare", "everything"), "no such check; there are"),
        (("price", "my-tess", "--protocol", "random(2)"), "found a leaky protocol; expected an honest one"),
        (("corpus", "add", "my-tess", "nowhere"), "no such folder or archive"),
        (("corpus", "simulate", "friends"), "there is no reader 'friends'"),
    ):
        done = undertone(*arguments)
        assert done.returncode == 1, arguments
        assert message in " ".join(done.stderr.split()), done.stderr
        assert "Traceback" not in done.stderr
