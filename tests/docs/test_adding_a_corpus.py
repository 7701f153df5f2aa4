"""docs/adding-a-corpus.md, verbatim: its files are written into a copy of undertone, and its commands run there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.project import shipped

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "adding-a-corpus.md").read_text(encoding="utf-8")
FILES: list[tuple[str, str]] = re.findall(r"```python file=(\S+)\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
PROGRAMS = {"undertone": ["-c", "from flows.cli.main import main; main()"], "pytest": ["-m", "pytest", "-q"]}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of undertone with the page's files."""
    folder = tmp_path / "undertone"
    for name in (
        "tasks",
        "flows",
        *(f"data/{name}" for name in shipped.DATA_FOLDERS),
        "tests/tasks/corpora/readers",
        ".dvc/plots",
    ):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    files = (
        "undertone.py",
        "dvc.yaml",
        "params.yaml",
        "prefect.yaml",
        ".dvcignore",
        "pyproject.toml",
        "tests/conftest.py",
    )
    for name in files:
        shutil.copy(ROOT / name, folder / name)
    for name, text in FILES:
        assert not (folder / name).exists()
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_corpus_is_at_most_two_new_files_and_no_edit() -> None:
    assert len(FILES) <= 2
    assert "patch=" not in PAGE


@pytest.mark.long
def test_the_page_works_as_it_stands(clone: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"

    def run(command: str) -> str:
        program, *arguments = shlex.split(command)
        done = subprocess.run(
            [sys.executable, *PROGRAMS[program], *arguments],
            cwd=project if program == "undertone" and project.exists() else clone,
            env={**os.environ, "PYTHONPATH": str(clone)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    run(f"undertone new {project}")
    output = {command: run(command) for command in COMMANDS}
    assert "emovo" in run("undertone corpus list")
    assert "EMOVO (simulated)" in output["undertone corpus doctor simulated-emovo"]
    assert "passed" in output["pytest tests/tasks/corpora/readers/test_readers.py -k emovo"]
    assert "2 passed" in run(
        "pytest tests/tasks/corpora/readers/test_emovo.py tests/tasks/corpora/readers/test_savee.py"
    )
