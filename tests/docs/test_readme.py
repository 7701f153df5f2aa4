"""README.md and the command line agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from flows.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands() -> dict[str, str]:
    root = typer.main.get_command(app)
    texts = {}
    for name, command in root.commands.items():
        nested = getattr(command, "commands", None) or {}
        # a group with a callback is a command, too
        alone = {"": command} if not nested or getattr(command, "invoke_without_command", False) else {}
        texts |= {f"{name} {inner}".strip(): entry.help or "" for inner, entry in (alone | nested).items()}
    return texts


def test_every_command_is_in_the_readme_and_has_an_example() -> None:
    for command, text in commands().items():
        assert f"`undertone {command}" in README, command
        assert re.search(rf"Example: \[bold\]undertone {command}\b", text), command


def test_every_command_in_the_readme_exists() -> None:
    existing = {command.split()[0] for command in commands()}
    named = set(
        re.findall(
            r"`?undertone ([a-z]+)(?= |`|$)", "\n".join(re.findall(r"```sh\n.*?```|`undertone [^`]*`", README, re.S))
        )
    )
    assert named <= existing


def test_make_targets_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:^|`)make ([a-z]+)\b", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_paths_in_the_readme_exist() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_captions_in_the_readme_come_out_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (source,) = re.findall(r"```vtt\n(.*?)```", README, re.DOTALL)
    (command, shown), *_ = re.findall(r"```console\n\$ undertone (captions .*?)\n(.*?)```", README, re.DOTALL)
    Path("talk.en.vtt").write_text(source, encoding="utf-8")
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 0
    assert result.stdout + result.stderr == shown
