"""What a module of the house is made of: the files it imports, directly or through others, and their digest."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

HOUSE = "tasks"
ROOT = Path(__file__).resolve().parent.parent
PLUMBING = frozenset(
    f"{HOUSE}.{name}" for name in ("closure", "config", "each", "errors", "memo", "paths", "tables", "workers")
)
"""Modules that carry results without deciding them: settings and schemas stand in a result's key by value."""


def files(module: str) -> tuple[Path, ...]:
    """Return the source files that a module of `tasks` is made of, itself included, sorted, relative to the root.

    Imports inside functions count: a deferred import changes results just as well.
    """
    return tuple(sorted(_file(name).relative_to(ROOT) for name in _modules(module)))


@cache
def version(module: str) -> str:
    """Return a digest of the code that decides a module's results: 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for name in sorted(_modules(module) - PLUMBING):
        digest.update(name.encode() + b"\0" + _file(name).read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _modules(module: str) -> set[str]:
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(_imports(name))
    return found


def _file(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _imports(module: str) -> tuple[str, ...]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(_file(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(sorted(name for name in names if name.startswith(f"{HOUSE}.") and _file(name).is_file()))
