"""What a module of the house is made of: the files it imports, directly or through others, and their digest."""

from __future__ import annotations

import ast
import hashlib
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

HOUSE = "tasks"
ROOT = Path(__file__).resolve().parents[2]
PLUMBING = frozenset(
    f"{HOUSE}.core.{name}"
    for name in ("code_version", "config", "each", "errors", "memo", "paths", "progress_log", "tables", "workers")
)
"""Modules that carry results without deciding them: settings and schemas stand in a result's key by value."""
_BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")
_PARSING = threading.Lock()
_ATTEMPTS, _PAUSE_S = 5, 0.05


def files(module: str) -> tuple[Path, ...]:
    """Return the source files that a module of `tasks` is made of, itself included, sorted, relative to the root.

    Imports inside functions count: a deferred import changes results just as well.
    """
    return tuple(sorted(_file(name).relative_to(ROOT) for name in _modules(module)))


@cache
def version(module: str, *, without: frozenset[str] = frozenset()) -> str:
    """Return a digest of the code that decides a module's results: 16 hexadecimal digits.

    Args:
        module: its dotted name
        without: modules, and packages with all that is in them, that refuse or look up but change no result
    """
    digest = hashlib.sha256()
    for name in sorted(_modules(module, without) - PLUMBING):
        digest.update(name.encode() + b"\0" + _file(name).read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _modules(module: str, without: frozenset[str] = frozenset()) -> set[str]:
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found and not any(f"{name}.".startswith(f"{one}.") for one in without):
            found.add(name)
            waiting.extend(_imports(name))
    return found


def _file(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _imports(module: str) -> tuple[str, ...]:
    names: set[str] = set()
    for node in _statements(_parsed(_file(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(sorted(name for name in names if name.startswith(f"{HOUSE}.") and _file(name).is_file()))


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all statements, those inside others too: what is in expressions, most of a tree, imports nothing."""
    waiting = [tree]
    while waiting:
        yield (node := waiting.pop())
        waiting += [one for name in _BLOCKS for one in getattr(node, name, ())]


def _parsed(text: str) -> ast.Module:
    """Parse one file: in one thread at a time, and anew where another library's parsing came between.

    Before 3.11.8 CPython counts the depth of a tree for all threads together and takes the sum of two for an error
    (python/cpython#106905).
    """
    with _PARSING:
        for _ in range(_ATTEMPTS - 1):
            try:
                return ast.parse(text)
            except SystemError:
                time.sleep(_PAUSE_S)
        return ast.parse(text)
