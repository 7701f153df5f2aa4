"""README.md and docs/commands.md name every command; the commands, options and make targets in the docs exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from flows.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
REFERENCE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
PAGES = {
    path.relative_to(ROOT).as_posix(): path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}
_SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
_INLINE = re.compile(r"`undertone ([^`]*)`")


def commands() -> dict[str, typer.core.TyperCommand]:
    """Return every command by its name, such as `corpus add`; a group with a callback is a command, too."""
    root = typer.main.get_command(app)
    entries = {}
    for name, command in root.commands.items():
        nested = getattr(command, "commands", None) or {}
        alone = {"": command} if not nested or getattr(command, "invoke_without_command", False) else {}
        entries |= {f"{name} {inner}".strip(): entry for inner, entry in (alone | nested).items()}
    return entries


COMMANDS = commands()


def named(text: str) -> Iterator[list[str]]:
    """Yield the words after `undertone` of every command in a page's shell blocks and inline code."""
    for block in _SHELL.findall(text):
        for line in block.splitlines():
            for part in re.split(r"&&|\||;", line):
                if match := re.match(r"\s*(?:\$ )?undertone (.*)", part):
                    yield words(match[1])
    for inline in _INLINE.findall(text):
        yield words(inline.replace(r"\|", "|"))


def words(command: str) -> list[str]:
    """Split a command as a shell does, without its comment."""
    lexer = shlex.shlex(command.replace("'", '"') if command.count("'") % 2 else command, posix=True)
    lexer.whitespace_split = True
    lexer.commenters = "#"
    return list(lexer)


def command_of(parts: list[str]) -> str | None:
    """Return the name of the command that the words call, or none."""
    for length in (2, 1):
        if (name := " ".join(parts[:length])) in COMMANDS:
            return name
    return None


def test_every_command_is_in_the_reference_and_has_an_example() -> None:
    for name, command in COMMANDS.items():
        assert f"`undertone {name}" in REFERENCE, name
        assert re.search(rf"Example: \[bold\]undertone {name}\b", command.help or ""), name


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_options_on_a_page_exist(page: str) -> None:
    groups = {name.split()[0] for name in COMMANDS}
    for parts in named(PAGES[page].read_text(encoding="utf-8")):
        if not parts or parts[0].startswith("-"):
            continue
        assert parts[0] in groups, f"undertone {' '.join(parts)}"
        name = command_of(parts)
        if name is None:
            assert len(parts) == 1 or parts[1].startswith("…"), f"undertone {' '.join(parts)}"
            continue
        options = {
            option for parameter in COMMANDS[name].params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        for part in parts:
            if match := re.match(r"\[?(--?[a-z][\w-]*)", part):
                assert match[1] in options | {"--help", "-h"}, f"undertone {' '.join(parts)}: {match[1]}"


def test_make_targets_on_the_pages_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page, path in PAGES.items():
        for target in re.findall(r"(?:^|`)make ([a-z]+)\b", path.read_text(encoding="utf-8"), re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page}: make {target}"


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_links_to_exist(page: str) -> None:
    path = PAGES[page]
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def test_every_page_is_in_a_menu_of_the_site() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    menus = "\n".join(re.findall(r"```{toctree}\n(.*?)```", index, re.DOTALL))
    listed = re.findall(r"^(?:.*<)?([\w-]+)>?$", menus, re.MULTILINE)
    assert sorted(listed) == sorted(path.stem for path in (ROOT / "docs").glob("*.md") if path.stem != "index")


def test_the_readme_is_short() -> None:
    assert len(README.split()) < 1200


def test_the_captions_come_out_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = PAGES["docs/captions.md"].read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (source,) = re.findall(r"```vtt\n(.*?)```", page, re.DOTALL)
    (command, shown), *_ = re.findall(r"```console\n\$ undertone (captions .*?)\n(.*?)```", page, re.DOTALL)
    Path("talk.en.vtt").write_text(source, encoding="utf-8")
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 0
    assert result.stdout + result.stderr == shown


def test_the_commands_without_a_project_come_out_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wav: Callable[..., Path]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "recordings").mkdir()
    for name in ("a.wav", "b.wav"):
        wav(1.0, name=f"recordings/{name}")
    for name, content in re.findall(r"`([\w.]+)`:\n\n```csv\n(.*?)```", REFERENCE, re.DOTALL):
        Path(name).write_text(content, encoding="utf-8")
    shown = "".join(re.findall(r"```console\n(.*?)```", REFERENCE, re.DOTALL))
    printed = ""
    for command in re.findall(r"^\$ undertone (.*)$", shown, re.MULTILINE):
        printed += f"$ undertone {command}\n{CliRunner().invoke(app, shlex.split(command)).output}"
    assert printed == shown
