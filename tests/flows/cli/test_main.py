"""The help: groups of commands, and -h on every level."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app


def test_every_command_is_in_a_group_and_the_groups_have_an_order() -> None:
    output = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "100"}).output
    panels = re.findall(r"─ ([A-Z][a-z ]+) ─", output)
    reference = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    headings = [heading for heading in re.findall(r"^## (.*)$", reference, re.MULTILINE) if "Make" not in heading]
    assert panels == ["Options", *headings]


ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("command", [[], ["corpus"], ["corpus", "add"], ["annotate", "export"], ["cache"], ["audit"]])
def test_h_is_help(command: list[str]) -> None:
    short, long = (CliRunner().invoke(app, [*command, option]) for option in ("-h", "--help"))
    assert short.exit_code == 0
    assert short.output == long.output
    assert "Usage: " in short.output


def test_objects_are_frozen_at_the_end_so_that_it_does_not_search_them_for_garbage() -> None:
    code = """
import atexit, gc, sys
from flows.cli.main import main
# registered first, so it runs last
atexit.register(lambda: print(gc.get_freeze_count() > 1000))
sys.argv = ["undertone", "--version"]
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "True"
