"""What a module is made of is found in every thread, whatever other libraries parse meanwhile."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tasks.core import code_version


def test_a_parse_that_another_thread_disturbed_is_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    left = ["disturbed", "disturbed"]
    parse = ast.parse

    def disturbed(text: str) -> ast.Module:
        if left:
            left.pop()
            raise SystemError("AST constructor recursion depth mismatch (before=72, after=67)")
        return parse(text)

    monkeypatch.setattr(ast, "parse", disturbed)
    code_version._imports.cache_clear()
    assert "tasks.core.errors" in code_version._imports("tasks.core.tables")
    assert not left


def test_the_digest_of_everything_depends_on_every_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tasks/core/__pycache__").mkdir(parents=True)
    monkeypatch.setattr(code_version, "ROOT", tmp_path)

    def digest(**files: str) -> str:
        for name, text in files.items():
            (tmp_path / "tasks/core" / name.replace("_", ".")).write_text(text)
        return code_version.of_everything.__wrapped__()

    digests = [digest(a_py="x = 1\n"), digest(a_py="x = 1  # a comment\n"), digest(b_html="<p>"), digest(b_html="<q>")]
    assert len(set(digests)) == len(digests)
    (tmp_path / "tasks/core/__pycache__/a.pyc").write_text("compiled")
    assert digest() == digests[-1]


def test_a_file_that_python_refuses_is_not_tried_again() -> None:
    with pytest.raises(SyntaxError):
        code_version._parsed("def :")
