"""Simulated corpora with the flow, DVC and the command line."""

from __future__ import annotations

import json
import re
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
    assert [stage for stage in dag.stages() if "@my" in stage] == ["corpus@my-plain", "corpus@my-tess"]
    assert all(dag.is_current(stage) for stage in ("corpus@my-plain", "corpus@my-tess"))
    assert "corpus@my-tess" not in dag.up_to("report")
    first = {path.name: path.read_bytes() for path in paths.folder("corpus@my-tess").iterdir()}
    assert corpus_benchmark(runner="threads", return_state=True).message == "nothing changed; 0 stages run, 3 current"
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
    facts = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))["facts"]
    assert len(facts["speech"]["shares"]) == facts["n_with_sound"]
    assert "Speech: " in doctor.stdout
    assert "Speakers: 2 speakers with" in doctor.stdout
    passed = undertone("audit", "my-tess", "--protocol", "leave-one-speaker-out")
    assert passed.returncode == 0, passed.stderr
    assert "(simulated)" in (page.parent / "audit.html").read_text(encoding="utf-8")
    warned = undertone("audit", "my-tess", "--protocol", "script-out(3)")
    assert "seen speakers" in warned.stdout
    leaky = undertone("audit", "my-tess", "--protocol", "random(3)")
    assert leaky.returncode == 1
    assert "LEAKY: The run stops: random folds" in " ".join(leaky.stdout.split())
    assert "LEAKY" in (page.parent / "audit.html").read_text(encoding="utf-8")
    declared = undertone("audit", "my-tess", "--protocol", "random(3)", "--declare", "random-folds")
    assert declared.returncode == 0, declared.stderr
    assert "LEAKY, as declared" in declared.stdout
    assert json.loads(paths.reading("my-tess").read_text())["simulated"] is True


def test_price_of_a_recipe(corpora: Path) -> None:
    added = undertone("experiment", "new", "acoustic", "mid-term-svm", "--corpus", "my-tess")
    assert added.returncode == 0, added.stderr
    text = paths.PARAMS.read_text(encoding="utf-8")
    before, name, recipe = text.partition("my-tess-mid-term-svm:")
    recipe = re.sub(r"protocol: .*", "protocol: script-out(3)", recipe, count=1)
    paths.PARAMS.write_text(f"{before}{name}{recipe}", encoding="utf-8")
    refused = undertone("price", "my-tess-mid-term-svm")
    assert refused.returncode == 1
    assert "declare the leak: similar-sound" in " ".join(refused.stderr.split())
    priced = undertone("price", "my-tess-mid-term-svm", "--declare", "similar-sound")
    assert priced.returncode == 0, priced.stderr
    result = json.loads((paths.folder("price@my-tess-mid-term-svm") / "price.json").read_text(encoding="utf-8"))
    assert (result["honest"]["protocol"], result["leaky"]["protocol"]) == ("script-out(3)", "random(3)")
    assert "Both sides: one score of the same" in " ".join(priced.stdout.split())
    assert "price of a leak" in (paths.folder("price@my-tess-mid-term-svm") / "index.html").read_text(encoding="utf-8")
    named = undertone("price", "my-tess")
    assert "expected one of its experiments: my-tess-mid-term-svm." in " ".join(named.stderr.split())


def test_a_users_mistake_is_one_message_without_traceback(corpora: Path) -> None:
    for arguments, message in (
        (("corpus", "doctor", "nobody"), "has no corpus 'nobody'; it has interviews, my-tess, my-plain. Add it"),
        (("audit", "my-tess", "--protocol", "speaker-ou(2)"), "did you mean speaker-out(k)"),
        (("audit", "my-tess"), "official needs the split of every utterance"),
        (("audit", "my-tess", "--protocol", "random(3)", "--declare", "everything"), "no such check; there are"),
        (("audit", "my-tess", "--protocol", "random(3)"), "declare the leak: random-folds"),
        (("price", "my-tess"), "expected one of its experiments: there is none yet. Add one: undertone experiment new"),
        (("price", "nobody"), "params.yaml has no experiment 'nobody'"),
        (("corpus", "add", "my-tess", "nowhere"), "no such folder or archive"),
        (("corpus", "simulate", "friends"), "there is no reader 'friends'"),
    ):
        done = undertone(*arguments)
        assert done.returncode == 1, arguments
        assert message in " ".join(done.stderr.split()), done.stderr
        assert "Traceback" not in done.stderr
