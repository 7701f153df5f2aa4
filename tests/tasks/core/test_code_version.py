"""What a module is made of is found in every thread, whatever other libraries parse meanwhile."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.core import code_version, paths


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


@pytest.fixture
def edited(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Yield a function that returns the digest of a module of made-up code, as a new process in a project has it."""
    root = tmp_path / "code"
    (root / "tasks").mkdir(parents=True)
    paths.STATE.mkdir(exist_ok=True)
    monkeypatch.setattr(code_version, "ROOT", root)
    names = ("_version", "_stamps", "_imports", "_effective", "_data_files")
    caches = [getattr(code_version, name) for name in names]

    def digest(source: str | None = None) -> str:
        if source is not None:
            (root / "tasks/words.py").write_text(source)
        for cache in caches:
            cache.cache_clear()
        return code_version.version("tasks.words")

    yield digest
    for cache in caches:
        cache.cache_clear()


def test_a_digest_is_computed_once_for_the_same_files(
    edited: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = edited("x = 1\n")
    computed, compute = list[tuple[str, ...]](), code_version._computed

    def counted(*names: tuple[str, ...]) -> str:
        computed.append(names[0])
        return compute(*names)

    monkeypatch.setattr(code_version, "_computed", counted)
    assert edited() == digest
    assert not computed
    assert edited("x = 2\n") != digest
    assert computed == [("tasks.words",)]
    # the same size and content at another time: its stamps differ, its digest does not
    assert edited("x = 1\n") == digest
    assert len(computed) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: "",
        lambda content: json.dumps([content]),
        lambda content: json.dumps({**content, "digests": dict.fromkeys(content["digests"], "0" * 16)}),
        lambda content: json.dumps({**content, "stamps": "0" * 64, "digests": {}}),
    ],
)
def test_damaged_digests_are_computed_again(
    edited: Callable[..., str], damage: Callable[[dict[str, object]], str]
) -> None:
    digest = edited("x = 1\n")
    kept = paths.CODE_VERSIONS.read_text()
    paths.CODE_VERSIONS.write_text(damage(json.loads(kept)))
    assert edited() == digest
    assert paths.CODE_VERSIONS.read_text() == kept
    assert not list(paths.STATE.glob(".code.*"))


def test_digests_are_not_kept_outside_a_project(edited: Callable[..., str]) -> None:
    digest = edited("x = 1\n")
    paths.CODE_VERSIONS.unlink()
    paths.STATE.rmdir()
    assert edited() == digest
    assert not paths.STATE.exists()
