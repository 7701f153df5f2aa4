"""docs/exporting.md: its example runs, prints what the page shows, and writes the lines that the page shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.project import workspace

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "exporting.md").read_text(encoding="utf-8")


@pytest.mark.long
def test_the_example_works_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.create(tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    (example,) = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for block in re.split(r"^\$ undertone ", example, flags=re.MULTILINE)[1:]:
        command, _, shown = block.partition("\n")
        done = CliRunner().invoke(app, command.split(), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert not shown or done.stdout == shown
    tree, table, lists = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert sorted(tree.split()) == sorted(map(str, (path for path in Path("hf").rglob("*") if path.is_file())))
    lines = Path("csv/utterances.csv").read_text(encoding="utf-8").splitlines()
    for shown in table.splitlines():
        assert any(line.startswith(shown.removesuffix(" …").strip()) for line in lines), shown
    for shown in lists.splitlines():
        name, line = shown.split(maxsplit=1)
        assert line in Path("kaldi", name).read_text(encoding="utf-8").splitlines()
