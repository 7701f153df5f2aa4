"""What a module is made of is found in every thread, whatever other libraries parse meanwhile."""

from __future__ import annotations

import ast

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


def test_a_file_that_python_refuses_is_not_tried_again() -> None:
    with pytest.raises(SyntaxError):
        code_version._parsed("def :")
