"""docs/adding-a-stage.md, verbatim: its code is written into a copy of undertone, and its commands run there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from flows.project import shipped
from tasks.core import config, paths, tables
from tasks.simulate import site
from tasks.simulate.sample import sample

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "adding-a-stage.md").read_text(encoding="utf-8")
FILES: list[tuple[str, str]] = re.findall(r"```python file=(\S+)\n(.*?)```", PAGE, re.DOTALL)
APPENDED: list[tuple[str, str]] = re.findall(r"```yaml append=(\S+)\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
PROGRAMS = {
    "undertone": [sys.executable, "-c", "from flows.cli.main import main; main()"],
    "pytest": [sys.executable, "-m", "pytest", "-q"],
}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of undertone with the page's code; its sample is small, and has a port of its own."""
    folder = tmp_path / "undertone"
    for name in (
        "tasks",
        "flows",
        *(f"data/{name}" for name in shipped.DATA_FOLDERS),
        "tests/tasks",
        ".dvc/plots",
    ):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    files = (
        "undertone.py",
        "dvc.yaml",
        "prefect.yaml",
        ".dvcignore",
        "pyproject.toml",
        "data/train.csv",
        "data/test.csv",
    )
    for name in files:
        shutil.copy(ROOT / name, folder / name)
    for name in ("tests/conftest.py", "tests/test_dvc_yaml.py"):
        shutil.copy(ROOT / name, folder / name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = (ROOT / "params.yaml").read_text(encoding="utf-8").replace("8417", str(port))
    text = re.sub(r"(?m)^  train: 24$", "  train: 8", re.sub(r"(?m)^  test: 8$", "  test: 3", text))
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    for name, text in FILES:
        assert not (folder / name).exists()
        (folder / name).write_text(text, encoding="utf-8")
    for name, text in APPENDED:
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(text)
    return folder


def test_a_stage_is_a_module_a_test_and_an_entry_in_dvc_yaml() -> None:
    assert [name for name, _ in FILES] == ["tasks/stages/pace.py", "tests/tasks/stages/test_pace.py"]
    assert [name for name, _ in APPENDED] == ["dvc.yaml"]


@pytest.mark.long
def test_the_page_works_as_it_stands(clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "project"

    def run(command: str) -> str:
        program, *arguments = shlex.split(command)
        done = subprocess.run(
            [*PROGRAMS.get(program, [program]), *arguments],
            cwd=project if program == "undertone" and project.exists() else clone,
            env={**os.environ, "PYTHONPATH": str(clone)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    for command in COMMANDS:
        if command == "undertone demo":
            run(f"undertone new {project}")
            settings = config.load(project / "params.yaml").simulate
            url = f"http://127.0.0.1:{settings.port}"
            site.write_lists(
                sample(settings, project / paths.SITE), url, project / "data/train.csv", project / "data/test.csv"
            )
        run(command)
    monkeypatch.chdir(project)
    rejected = tables.read(Path("data/pace/rejected.parquet"), tables.REJECTED).to_pylist()
    assert {row["reason"] for row in rejected} == {"speech too fast"}
    report = paths.REPORT.read_text(encoding="utf-8")
    (losses,) = re.findall(r'<section id="funnel".*?</section>', report, re.DOTALL)
    assert losses.count("speech too fast <small>(pace)</small>") == 2, "once for videos, once for utterances"
    assert losses.count("kept by pace") == 2
    assert "no usable cue <small>(pace)</small>" not in losses
    for row in rejected:
        assert re.search(rf"<td class=\"id\">{row['item']}</td><td>speech too fast</td>", report)
    votes = tables.read(paths.VOTES, tables.VOTES)["utterance_id"].to_pylist()
    assert not {row["item"] for row in rejected} & {utterance_id.split("/")[1] for utterance_id in votes}
    assert "pace" not in run("undertone status")
