"""Code digests: which source files a module consists of, and a digest of what they do.

A digest ignores comments, docstrings and blank lines: an edit that cannot change a result does not change it.
"""

from __future__ import annotations

import ast
import hashlib
import re
import threading
import time
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

PACKAGE = "tasks"
ROOT = Path(__file__).resolve().parents[2]
WITHOUT_EFFECT = frozenset(f"{PACKAGE}.core.{name}" for name in ("code_version", "locks", "progress_log", "workers"))
"""Modules that no result depends on: logging, locking, worker processes, and this module."""
PLUMBING = WITHOUT_EFFECT.union(
    f"{PACKAGE}.core.{name}"
    for name in (
        "artifacts", "bugs", "config", "discovery", "each", "errors", "folders", "memo", "os_errors", "paths",
        "pipeline_file", "results", "tables", "yaml_files",
    )
)  # fmt: skip
"""Modules that carry results without computing them. Cache keys hold settings and schemas by value instead."""
_BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")
_PARSING = threading.Lock()
_ATTEMPTS, _PAUSE_S = 5, 0.05
_TOKEN = re.compile(
    r"""(?P<string>[rRbBuUfF]{0,2}(?:\"{3}(?:[^\\]|\\.)*?\"{3}|'{3}(?:[^\\]|\\.)*?'{3}"""
    r"""|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))"""
    r"""|(?P<comment>\#[^\n]*)|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<line>\n)"""
    r"""|(?P<code>[ \t]+|\w+|[^\w\s"'#()\[\]{}]+|.)""",
    re.DOTALL,
)


def files(module: str) -> tuple[Path, ...]:
    """Return the source files that a module of `tasks` consists of, itself included, sorted, relative to the root.

    Imports inside functions count: a deferred import changes results just as well.

    Args:
        module: its dotted name
    """
    return tuple(sorted(_file(name).relative_to(ROOT) for name in _modules((module,))))


def version(*modules: str, without: frozenset[str] = frozenset(), neutral: frozenset[str] = PLUMBING) -> str:
    """Return a digest of the code that decides the results of modules: 16 hexadecimal digits.

    Args:
        modules: their dotted names
        without: modules, and packages with all that is in them, that reject or look up but change no result
        neutral: modules that are left out of the digest, but not what they import
    """
    return _version(modules, without, neutral)


@cache
def _version(modules: tuple[str, ...], without: frozenset[str], neutral: frozenset[str]) -> str:
    names = sorted(_modules(modules, without) - neutral)
    digest = hashlib.sha256()
    for name in names:
        digest.update(name.encode() + b"\0" + effective(_file(name).read_text(encoding="utf-8")).encode() + b"\0")
    for folder in sorted({_file(name).parent for name in names}):
        for path in _data_files(folder):
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@cache
def _data_files(folder: Path) -> tuple[Path, ...]:
    """Return what a package holds beside code, such as templates: its own files, and those of folders without code."""
    children = [path for path in folder.iterdir() if path.suffix not in (".py", ".pyc") and path.name != "__pycache__"]
    nested = [path for path in children if path.is_dir() and not (path / "__init__.py").exists()]
    files = [path for path in children if path.is_file()] + [path for folder in nested for path in folder.rglob("*")]
    return tuple(sorted(path for path in files if path.is_file() and not path.name.startswith(".")))


def effective(source: str) -> str:
    """Return source code without comments, docstrings, blank lines and trailing spaces.

    It scans tokens and does not parse: the text must not depend on the version of Python, as that of an AST would.

    Args:
        source: the text of a Python file
    """
    lines, line, depth = list[str](), "", 0
    for token in _TOKEN.finditer(source):
        kind, text = token.lastgroup, token.group()
        if kind == "comment":
            continue
        if kind == "line":
            if line.strip():
                lines.append(line.rstrip())
            line = ""
            continue
        if kind == "string" and not depth and not line.strip() and _ends_statement(source, token.end()):
            # a string that is a statement of its own is a docstring, or explains the constant above it
            continue
        depth += (kind == "open") - (kind == "close")
        line += text
    return "\n".join([*lines, line.rstrip()] if line.strip() else lines)


def _ends_statement(source: str, end: int) -> bool:
    return re.match(r"[ \t]*(#[^\n]*)?(\n|\Z)", source[end : end + 200]) is not None


def _modules(modules: Iterable[str], without: frozenset[str] = frozenset()) -> set[str]:
    reached: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in reached and not any(f"{name}.".startswith(f"{prefix}.") for prefix in without):
            reached.add(name)
            waiting.extend(_imports(name))
    return reached


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
    return tuple(sorted(name for name in names if name.startswith(f"{PACKAGE}.") and _file(name).is_file()))


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all statements, nested ones included; expressions, most of a tree, import nothing."""
    waiting = [tree]
    while waiting:
        yield (node := waiting.pop())
        waiting += [child for name in _BLOCKS for child in getattr(node, name, ())]


def _parsed(text: str) -> ast.Module:
    """Parse one file in one thread at a time, and again if another library's parsing interfered.

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
