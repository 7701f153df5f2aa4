"""Code digests: which source files a module consists of, and a digest of what they do.

A digest ignores comments, docstrings and blank lines: an edit that cannot change a result does not change it.

In a checkout the code is the package `tasks`. In a wheel it is `undertone.tasks`, and its imports begin with
`undertone.` (setup.py). Digests are those of the checkout in both: names and imports count without that prefix.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from tasks.core import file_stamps, paths

PACKAGE = __name__.removesuffix(".core.code_version")
"""The package under which modules of the code are imported: `tasks` in a checkout, `undertone.tasks` in a wheel."""
ROOT = Path(__file__).resolve().parents[2]
"""The folder of the shipped files: the checkout, or the package `undertone` of a wheel."""
_PLAIN = "tasks"
_PREFIX = PACKAGE.removesuffix(_PLAIN)
IN_WHEEL = bool(_PREFIX)
"""Whether the code was installed from a wheel, and not from a checkout."""
WITHOUT_EFFECT = frozenset(
    f"{_PLAIN}.core.{name}"
    for name in (
        "code_version", "distribution", "file_stamps", "free_memory", "host_slots", "locks", "progress_log",
        "stage_process", "workers",
    )
)  # fmt: skip
"""Modules that no result depends on: logging, locking, worker processes, and this module. Names as in a checkout."""
PLUMBING = WITHOUT_EFFECT.union(
    f"{_PLAIN}.core.{name}"
    for name in (
        "artifacts", "bugs", "config", "discovery", "each", "errors", "folders", "item_files", "memo", "os_errors",
        "paths", "pipeline_file", "results", "tables", "yaml_files",
    )
)  # fmt: skip
"""Modules that carry results without computing them. Cache keys hold settings and schemas by value instead."""
_BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")
_PARSING = threading.Lock()
_ATTEMPTS, _PAUSE_S = 5, 0.05
_PREFIXED_IMPORT = re.compile(
    r"^([ \t]*(?:(?:>>>|\.\.\.)[ \t]+)?(?:from|import)[ \t]+)undertone\.(?=(?:tasks|flows)\b)", re.MULTILINE
)
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
    return tuple(sorted(_file(name).relative_to(ROOT) for name in _modules((plain(module),))))


def plain(module: str) -> str:
    """Return the name that a module of ours has in a checkout.

    Args:
        module: its dotted name, such as `undertone.tasks.stages.crawl` in a wheel
    """
    return module.removeprefix(_PREFIX)


def plain_text(source: str) -> str:
    """Return source code of ours with the imports that it has in a checkout: the inverse of what setup.py does.

    Args:
        source: the text of a Python file
    """
    return _PREFIXED_IMPORT.sub(r"\1", source) if IN_WHEEL else source


def version(*modules: str, without: frozenset[str] = frozenset(), neutral: frozenset[str] = PLUMBING) -> str:
    """Return a digest of the code that decides the results of modules: 16 hexadecimal digits.

    Args:
        modules: their dotted names
        without: modules, and packages with all that is in them, that reject or look up but change no result
        neutral: modules that are left out of the digest, but not what they import
    """
    return _version(*(tuple(map(plain, names)) for names in (modules, sorted(without), sorted(neutral))))


@cache
def _version(modules: tuple[str, ...], without: tuple[str, ...], neutral: tuple[str, ...]) -> str:
    kept = _Kept(_stamps(ROOT / _PLAIN))
    key = json.dumps([modules, without, neutral])
    if key not in kept.digests:
        kept.add(key, _computed(modules, without, neutral))
    return kept.digests[key]


class _Kept:
    """Digests of this code that an earlier process computed in this project, in `.undertone/code.json`.

    They hold as long as size, times and inode of all source files are the same. Scanning them takes 0.35 s.

    Args:
        stamps: digest of those
    """

    def __init__(self, stamps: str) -> None:
        self._stamps = stamps
        self.digests = self._read()

    def add(self, key: str, digest: str) -> None:
        """Keep a digest, if this is a project folder."""
        # another process may have added some meanwhile
        self.digests = {**self._read(), **self.digests, key: digest}
        if paths.STATE.is_dir():
            text = json.dumps(self.digests, sort_keys=True)
            content = {"stamps": self._stamps, "digests": self.digests, "sha256": _sha256(text)}
            with suppress(OSError):
                part = paths.STATE / f".code.{os.getpid()}.part"
                part.write_text(json.dumps(content), encoding="utf-8")
                part.replace(paths.CODE_VERSIONS)

    def _read(self) -> dict[str, str]:
        try:
            content = json.loads(paths.CODE_VERSIONS.read_bytes())
            digests: dict[str, str] = content["digests"]
            is_whole = content["sha256"] == _sha256(json.dumps(digests, sort_keys=True))
            return digests if is_whole and content["stamps"] == self._stamps else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}


@cache
def _stamps(folder: Path) -> str:
    """Return a digest of the stamps of all files in a folder; once per process, as that of the code."""
    taken = file_stamps.of_trees([str(folder)], without=("__pycache__",))
    return _sha256(json.dumps(sorted(taken.items())))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _computed(modules: tuple[str, ...], without: tuple[str, ...], neutral: tuple[str, ...]) -> str:
    names = sorted(_modules(modules, without) - set(neutral))
    digest = hashlib.sha256()
    for name in names:
        digest.update(name.encode() + b"\0" + _effective(name) + b"\0")
    for folder in sorted({_file(name).parent for name in names}):
        for path in _data_files(folder):
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@cache
def of_everything() -> str:
    """Return a digest of all files of `tasks`, comments included: the same on machines with the same version."""
    digest = hashlib.sha256()
    folder = ROOT / _PLAIN
    for path in sorted(path for path in folder.rglob("*") if _is_shipped(path)):
        content = path.read_bytes()
        if IN_WHEEL and path.suffix == ".py":
            content = plain_text(content.decode("utf-8")).encode()
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + content + b"\0")
    return digest.hexdigest()


def _is_shipped(path: Path) -> bool:
    return path.is_file() and path.suffix != ".pyc" and not path.name.startswith(".")


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


def _modules(modules: Iterable[str], without: Iterable[str] = ()) -> set[str]:
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
def _effective(module: str) -> bytes:
    return effective(_text(module)).encode()


def _text(module: str) -> str:
    return plain_text(_file(module).read_text(encoding="utf-8"))


@cache
def _imports(module: str) -> tuple[str, ...]:
    names: set[str] = set()
    for node in _statements(_parsed(_text(module))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(sorted(name for name in names if name.startswith(f"{_PLAIN}.") and _file(name).is_file()))


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
