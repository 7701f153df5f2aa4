"""docs/start-corpus.md as it stands: its commands run in a new project, on a simulated corpus."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "start-corpus.md").read_text(encoding="utf-8")
COMMANDS = [
    line.partition("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]


def run(command: str, folder: Path) -> str:
    program, *arguments = shlex.split(command)
    assert program == "undertone"
    done = subprocess.run(
        [sys.executable, "-c", "from flows.cli.main import main; main()", *arguments],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), "BROWSER": "true"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.long
def test_the_tutorial_works_as_it_stands(tmp_path: Path) -> None:
    new, *others = COMMANDS
    assert new == "undertone new voices && cd voices"
    run("undertone new voices", tmp_path)
    project = tmp_path / "voices"
    output = {}
    for command in others:
        if "recording.m4a" in command:
            clip = next((project / ".undertone/corpora/simulated-ravdess").rglob("*.wav"))
            command = command.replace("recording.m4a", str(clip))
        output[command.split()[1]] = run(command, project)
    assert "usable" in output["corpus"]
    assert "random folds make the recipe look better than it is" in output["price"].replace("\n", " ")
    assert (project / "my-model" / "card.json").is_file()
