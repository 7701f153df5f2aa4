"""An experiment's rerun that is stopped or killed: the earlier results stay, all of them, and are marked."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest

from flows.project import workspace
from tasks.core import artifacts, config, paths, tables
from tasks.corpora import intake
from tasks.pages.common import result_marks
from tests.tasks import conftest as toys

pytestmark = pytest.mark.long
# the corpus and its features are there: only these stages run
STAGES = ("code", "inputs@trial", "experiment@trial", "page@trial")
REPRO = [sys.executable, "-m", "dvc", "repro", "--single-item", *STAGES]
FORCED = "import sys; from flows.runs import in_process; in_process.bring_up_to_date({!r}, say=print, force=True)"
UNDERTONE = [sys.executable, "-c", FORCED.format(STAGES)]
DOORS = {"dvc repro": REPRO, "undertone": UNDERTONE}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project with a corpus, its features, and an experiment on them, in the current directory."""
    folder = tmp_path / "project"
    workspace.create(folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    rows = toys._corpus("toy", 8, 9, extra=False)
    toys._features(rows, "toy-voice", strength=3.0)
    utterances = tables.read_corpus(paths.utterances("toy"))
    sound = pa.array(["spoken.wav"] * utterances.num_rows)
    with tables.whole(paths.utterances("toy")) as part:
        artifacts.write_parquet(utterances.set_column(utterances.column_names.index("audio"), "audio", sound), part)
    Path("nowhere").mkdir()
    recipe = {"corpus": "toy", "target": "emotion", "features": ["toy-voice"], "model": {"name": "logistic"},
              "protocol": "speaker-out(4)", "shuffles": 2}  # fmt: skip
    write_recipe(recipe)
    return folder


def write_recipe(recipe: dict[str, Any]) -> None:
    entries = {
        "corpora": {"toy": {"reader": "plain", "path": "nowhere"}},
        "features": {"toy-voice": {"corpus": "toy", "extractor": "functionals"}},
        "experiments": {"trial": recipe},
    }
    intake.write_entries(paths.PARAMS, entries)


def results() -> dict[str, bytes]:
    """Return the content of all files that an experiment shows, but for its cost, which is measured."""
    files = [path for folder in (paths.experiment("trial"), paths.page("trial").parent) for path in folder.rglob("*")]
    return {path.as_posix(): path.read_bytes() for path in files if path.is_file() and path.name != "cost.json"}


def complete(command: list[str]) -> None:
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def n_fits() -> int:
    return len(list((paths.MEMO / "experiment@trial").rglob("*.arrow")))


def stopped(command: list[str], by: signal.Signals) -> None:
    """Run stages until some fits are done, then stop all processes: by Ctrl-C, or by killing them."""
    before = n_fits()
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as run:
        until = time.monotonic() + 120
        while n_fits() < before + 3:
            assert run.poll() is None and time.monotonic() < until, run.communicate()[0].decode()
            time.sleep(0.05)
        started = [psutil.Process(run.pid), *psutil.Process(run.pid).children(recursive=True)]
        if by == signal.SIGINT:
            os.killpg(run.pid, by)
        else:
            for process in started:
                process.kill()
        run.communicate(timeout=60)
    assert run.returncode != 0
    _, alive = psutil.wait_procs(started, timeout=20)
    assert alive == []


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_rerun_leaves_the_results_and_the_next_one_completes(
    project: Path, door: str, by: signal.Signals
) -> None:
    complete(REPRO)
    first = results()
    assert "data/experiment/trial/model/card.json" in first
    assert "data/page/trial/index.html" in first
    text = paths.PARAMS.read_text()
    paths.PARAMS.write_text(text.replace("shuffles: 2", "shuffles: 10"))
    stopped(DOORS[door], by)
    assert results() == first
    assert [path.name for path in paths.experiment("trial").parent.iterdir() if path.is_dir()] == ["trial"]
    older = marks()
    assert older[0] == "of an earlier recipe (shuffles changed)"
    assert older[1].startswith("older than a run that did not finish, started by ")
    complete(DOORS[door])
    assert marks() == []
    after = results()
    assert after.keys() == first.keys()
    assert after != first
    # from scratch and through the other door: the same bytes
    shutil.rmtree(paths.MEMO)
    shutil.rmtree(paths.experiment("trial"))
    complete(DOORS["undertone" if door == "dvc repro" else "dvc repro"])
    assert results() == after


def marks() -> list[str]:
    metrics = json.loads((paths.experiment("trial") / "results.json").read_text())
    return result_marks.all_of(metrics, config.load(paths.PARAMS))
