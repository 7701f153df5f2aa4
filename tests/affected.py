"""List the test files that an uncommitted change affects: `python -m tests.affected`; `make check` runs them.

A test file is affected if it changed, if it mirrors a changed module, or if it imports one directly. What depends on a
module indirectly is left to `make test`.
"""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ALWAYS = {"dvc.yaml": "tests/test_dvc_yaml.py", "README.md": "tests/docs/test_commands.py"}


def changed() -> list[Path]:
    """Return the files that differ from the last commit or are new, relative to the root."""
    commands = (["diff", "--name-only", "HEAD"], ["ls-files", "--others", "--exclude-standard"])
    listings = [
        subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for command in commands
    ]
    return [Path(line) for listing in listings for line in listing.splitlines()]


def affected(files: list[Path], root: Path = ROOT) -> list[str]:
    """Return the affected test files, sorted, relative to the root.

    Args:
        files: changed files, relative to the root
        root: of the repository
    """
    tests = {path.relative_to(root).as_posix(): path for path in (root / "tests").rglob("test_*.py")}
    chosen = {ALWAYS[file.as_posix()] for file in files if file.as_posix() in ALWAYS}
    chosen |= {file.as_posix() for file in files} & set(tests)
    mirrors = {(Path("tests") / file.with_name(f"test_{file.name}")).as_posix() for file in files}
    chosen |= mirrors & set(tests)
    modules = {".".join(file.with_suffix("").parts) for file in files if file.suffix == ".py"}
    chosen |= {name for name, path in tests.items() if not modules.isdisjoint(imports(path))}
    return sorted(chosen)


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports, as modules and as names of modules."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


if __name__ == "__main__":
    print(" ".join(affected(changed())))
