"""Build of the wheel: all code and shipped files in one package, `undertone`.

A checkout has the packages `tasks` and `flows`, the module `undertone` and shipped files side by side. In a wheel all
lie in the package `undertone`: names as general as `tasks` must not be installed at the top level. Import statements,
and nothing else, get the prefix `undertone.`; code that needs a dotted name takes it from `__name__` or
`code_version.PACKAGE`. An editable installation uses the checkout as it is.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
CODE = ("tasks", "flows")
SHIPPED = (
    "params.yaml",
    "dvc.yaml",
    "prefect.yaml",
    ".dvcignore",
    ".dvc/plots/*",
    "data/*.csv",
    "data/*/README.md",
    "data/listeners/simulated.csv",
)
"""Files at the top of a checkout that `undertone new`, `demo` and upgrades of projects copy."""
_MAIN = '''\
"""`python -m undertone STAGE…`: run stages of the project in the current folder."""

import sys

from undertone.tasks.core import stage_process

if __name__ == "__main__":
    sys.exit(stage_process.run(sys.argv[1:]))
'''
_OURS = re.compile(r"((?:from|import)[ \t]+)(?=(?:tasks|flows)\b)")
_EXAMPLE = re.compile(rf"^([ \t]*(?:>>>|\.\.\.)[ \t]+){_OURS.pattern}", re.MULTILINE)


def prefixed(source: str) -> str:
    """Return the code of a module with the names of our packages in a wheel, in its imports and its examples.

    Args:
        source: the text of a Python file
    """
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom) and not getattr(node, "level", 0):
            line, column = lines[node.lineno - 1], node.col_offset
            lines[node.lineno - 1] = line[:column] + _OURS.sub(r"\1undertone.", line[column:], count=1)
    return _EXAMPLE.sub(r"\1\2undertone.", "".join(lines))


def contents(root: Path = ROOT) -> Iterator[tuple[str, bytes]]:
    """Yield the files of the package in a wheel, each with its path relative to `undertone/`.

    Args:
        root: the checkout
    """
    yield "__init__.py", prefixed((root / "undertone.py").read_text(encoding="utf-8")).encode()
    yield "__main__.py", _MAIN.encode()
    yield "py.typed", b""
    for path in sorted(path for folder in CODE for path in (root / folder).rglob("*")):
        if path.is_file() and path.suffix != ".pyc" and not path.name.startswith("."):
            content = path.read_bytes()
            is_code = path.suffix == ".py"
            yield path.relative_to(root).as_posix(), prefixed(content.decode()).encode() if is_code else content
    for pattern in SHIPPED:
        if not (paths := sorted(root.glob(pattern))):
            raise SystemExit(f"setup.py: {pattern} is missing in {root}")
        yield from ((path.relative_to(root).as_posix(), path.read_bytes()) for path in paths)


class OnePackage(build_py):
    """Write everything into one package; an editable installation is left to setuptools."""

    def run(self) -> None:
        """Write the files into the folder that becomes the wheel."""
        if self.editable_mode:
            super().run()
            return
        for place, content in contents():
            target = Path(self.build_lib, "undertone", place)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Return the paths that `run` writes."""
        if self.editable_mode:
            return list(super().get_outputs(include_bytecode))
        return [str(Path(self.build_lib, "undertone", place)) for place, _ in contents()]


if __name__ == "__main__":
    setup(
        # in a wheel, the only name at the top level is undertone's
        packages=find_packages(include=["tasks*", "flows*"]) if "editable_wheel" in sys.argv else [],
        py_modules=["undertone"],
        cmdclass={"build_py": OnePackage},
    )
