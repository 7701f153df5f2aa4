"""The wheel in an empty environment elsewhere: demo, new, run, apply, captions, audit, ui with a flow run, Python.

Dependencies come from the package index or pip's cache. Another Python than that of the tests:
`UNDERTONE_WHEEL_PYTHON=/usr/bin/python3.13`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flows.project import shipped
from tasks.core import distribution
from tasks.simulate import site

ROOT = Path(__file__).resolve().parents[2]
PYTHON = os.environ.get("UNDERTONE_WHEEL_PYTHON", sys.executable)
SRT = "1\n00:00:01,000 --> 00:00:02,000\nHello there\n\n2\n00:00:02,000 --> 00:00:03,500\nHello there\nmy friend\n"
TRAIN = "utterance_id,speaker,text,emotion\na1,s1,hello,joy\na2,s2,what,anger\n"
TEST = "utterance_id,speaker,text,emotion\nb1,s1,now,joy\nb2,s3,then,anger\n"
FLOW_RUN = """
import time
from prefect.client.orchestration import get_client
with get_client(sync_client=True) as client:
    for _ in range(120):
        if any(run.state_name == "Scheduled" for run in client.read_flow_runs()):
            break
        time.sleep(1)
    else:
        raise SystemExit("the server plans no runs")
    deployment = client.read_deployment_by_name("weak-supervision/nightly")
    run = client.create_flow_run_from_deployment(deployment.id)
    for _ in range(300):
        state = client.read_flow_run(run.id).state
        if state.is_final():
            break
        time.sleep(1)
    print(state.name)
"""

pytestmark = [pytest.mark.long, pytest.mark.timeout(2400)]


def plain_environment() -> dict[str, str]:
    """Return the environment without what leads to the checkout, which pip would take for an installation."""
    elsewhere = ("PYTHONPATH", "VIRTUAL_ENV", "PREFECT_HOME", "PREFECT_API_URL", "PREFECT_PROFILES_PATH")
    return {name: value for name, value in os.environ.items() if name not in elsewhere}


def run(command: list[str | Path], folder: Path, *, status: int = 0) -> str:
    done = subprocess.run(command, cwd=folder, env=plain_environment(), capture_output=True, text=True)
    assert done.returncode == status, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, install it into an empty environment, and return the folder of its programs."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    # setuptools leaves its own files beside the sources
    for name in ("tasks", "flows", "data", ".dvc"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "cache", "tmp"))
    for path in (*ROOT.glob("*.*"), ROOT / "LICENSE", ROOT / ".dvcignore"):
        if path.is_file():
            shutil.copy(path, source)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, source]
    run(build, folder)
    (wheel,) = folder.glob("undertone_ser-*.whl")
    run([PYTHON, "-m", "venv", folder / "venv"], folder)
    programs = folder / "venv" / "bin"
    command = [programs / "python", "-m", "pip", "install", "-q", wheel]
    installed = subprocess.run(command, cwd=folder, env=plain_environment(), capture_output=True, text=True)
    if re.search("connection|name resolution", installed.stderr, re.IGNORECASE) and installed.returncode:
        pytest.skip("the package index cannot be reached, and pip's cache lacks dependencies")
    assert installed.returncode == 0, installed.stderr
    return programs


@pytest.fixture(scope="module")
def project(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    assert "Done in" in run([programs / "undertone", "demo"], folder)
    return folder


def test_name_version_and_python(programs: Path, tmp_path: Path) -> None:
    version = distribution.version()
    assert run([programs / "undertone", "--version"], tmp_path) == f"undertone {version}\n"
    code = "import undertone as ut; print(ut.__version__, ut.__file__)"
    printed, file = run([programs / "python", "-c", code], tmp_path).split()
    assert printed == version
    assert Path(file).is_relative_to(programs.parent)
    assert run([programs / "python", "-c", "import tasks"], tmp_path, status=1).endswith("No module named 'tasks'\n")


def test_the_demo_is_complete_and_current(programs: Path, project: Path) -> None:
    assert (project / "data" / "report" / "index.html").is_file()
    assert not any(path.is_symlink() for path in project.iterdir())
    assert (project / shipped.NOTE).read_text() == shipped.note(), "the note is that of the checkout"
    status = run([programs / "python", "-m", "dvc", "status", "report"], project)
    assert "up to date" in status
    assert ": 1" not in run([programs / "undertone", "run"], project).replace("current", "")
    command = [programs / "python", "-m", "dvc", "repro", "--force", "--single-item", "labels"]
    assert "python -m undertone labels" in run(["env", f"PATH={programs}:{os.environ['PATH']}", *command], project)


def test_apply_captions_and_audit(programs: Path, project: Path, tmp_path: Path) -> None:
    sound = next((project / "data" / "crawl" / "media").glob("*.flac"))
    command = [
        programs / "undertone",
        "apply",
        "interviews-source",
        sound,
        "--to",
        "csv",
        "--out",
        tmp_path / "applied",
    ]
    run(command, project)
    assert (tmp_path / "applied" / f"{sound.stem}.csv").read_text().count("\n") > 2
    for name, text in (("a.srt", SRT), ("train.csv", TRAIN), ("test.csv", TEST)):
        (tmp_path / name).write_text(text)
    captions = run([programs / "undertone", "captions", "a.srt", "--to", "csv"], tmp_path)
    assert "2.000,3.500,Hello there my friend" in captions
    assert "seen speakers" in run([programs / "undertone", "audit", "train.csv", "test.csv"], tmp_path, status=1)


def test_a_project_of_recordings_on_disk(programs: Path, project: Path, tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    for path in (project / "data" / "crawl" / "media").iterdir():
        stem, _, ending = path.name.partition(".")
        shutil.copy(path, media / f"{stem}.{ending.replace('.manual', '').replace('.automatic', '')}")
    run([programs / "undertone", "new", "mine", "--media", media], tmp_path)
    printed = run([programs / "undertone", "run", "captions"], tmp_path / "mine")
    assert re.search(r"captions: \d+ items: \d+ computed", printed)


def test_messages_name_the_distribution(programs: Path, project: Path) -> None:
    code = "from undertone.tasks.features.mid_term import mid_term; import numpy as np; mid_term._reference()"
    printed = run([programs / "python", "-c", code], project, status=1)
    assert 'pip install "undertone-ser[reference]"' in printed


def test_flows_run_through_a_worker(programs: Path, project: Path) -> None:
    port = site.free_port(4300)
    log = (project / "ui.log").open("w+")
    command = [programs / "undertone", "ui", "--port", str(port)]
    ui = subprocess.Popen(command, cwd=project, env=plain_environment(), stdout=log, stderr=log, start_new_session=True)
    try:
        home = project / ".undertone" / "prefect"
        code = (
            "import time, pathlib\n"
            "while 'deployment run' not in pathlib.Path('ui.log').read_text(): time.sleep(0.5)\n" + FLOW_RUN
        )
        client = ["timeout", "600", "env", f"PREFECT_HOME={home}", programs / "python", "-c", code]
        assert run(client, project).strip().endswith("Completed"), (project / "ui.log").read_text()
    finally:
        ui.send_signal(signal.SIGINT)
        assert ui.wait(60) == 0
        log.close()
