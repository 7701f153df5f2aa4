"""The README and the command line say the same."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from flows.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def verbs() -> dict[str, str]:
    root = typer.main.get_command(app)
    found = {}
    for name, command in root.commands.items():
        nested = getattr(command, "commands", None) or {}
        # a group that does something by itself is a verb too
        alone = {"": command} if not nested or getattr(command, "invoke_without_command", False) else {}
        found |= {f"{name} {inner}".strip(): one.help or "" for inner, one in (alone | nested).items()}
    return found


def test_every_verb_is_in_the_readme_and_has_an_example() -> None:
    for verb, text in verbs().items():
        assert f"`undertone {verb}" in README, verb
        assert re.search(rf"Example: \[bold\]undertone {verb}\b", text), verb


def test_every_verb_in_the_readme_exists() -> None:
    known = {verb.split()[0] for verb in verbs()}
    named = set(
        re.findall(
            r"`?undertone ([a-z]+)(?= |`|$)", "\n".join(re.findall(r"```sh\n.*?```|`undertone [^`]*`", README, re.S))
        )
    )
    assert named <= known


def test_make_targets_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:^|`)make ([a-z]+)\b", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_paths_in_the_readme_exist() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
