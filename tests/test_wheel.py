"""The wheel that setup.py builds: all shipped files, one package, the same digests of code as in the checkout."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from flows.project import shipped
from tasks.__main__ import stages
from tasks.core import code_version, distribution

ROOT = Path(__file__).resolve().parent.parent
_OWN_NAME = re.compile(r"(tasks|flows)(\.[a-z_]+)+")
_PLAIN_NAMES = {"tasks/experiments/all_fits.py"}
"""Modules that give `code_version` names as in a checkout, which it takes in a wheel, too."""


def built(folder: Path) -> Path:
    """Run the build in a process of its own, as pip does: setuptools changes how Python imports distutils."""
    command = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def files(installed: Path) -> dict[str, bytes]:
    package = installed / "undertone"
    return {
        path.relative_to(package).as_posix(): path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    }


def run(installed: Path, code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=installed, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_has_all_code_and_all_shipped_files(files: dict[str, bytes]) -> None:
    code = {
        path.relative_to(ROOT).as_posix()
        for folder in ("tasks", "flows")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert code <= set(files)
    copied = {name for name in shipped.COPIED if name != ".gitignore"}
    assert copied | {f"data/{name}/README.md" for name in shipped.DATA_FOLDERS} <= set(files)
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / ".dvc" / "plots").iterdir()} <= set(files)
    assert {"data/train.csv", "data/test.csv", "data/listeners/simulated.csv", "__main__.py", "py.typed"} <= set(files)
    assert not [name for name in files if "__pycache__" in name]
    assert all(files[name] == (ROOT / name).read_bytes() for name in code | copied if not name.endswith(".py"))


def test_it_imports_only_its_own_package(files: dict[str, bytes]) -> None:
    outside = [
        f"{name}:{node.lineno}"
        for name, content in files.items()
        if name.endswith(".py")
        for node in ast.walk(ast.parse(content))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
        if module.partition(".")[0] in ("tasks", "flows")
    ]
    assert outside == []


def test_no_code_names_its_own_modules_in_strings(files: dict[str, bytes]) -> None:
    named = [
        f"{name}:{node.lineno}: {node.value}"
        for name, content in files.items()
        if name.endswith(".py") and name not in _PLAIN_NAMES
        for node in ast.walk(ast.parse(content))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _OWN_NAME.fullmatch(node.value)
    ]
    assert named == [], "take the name from __name__, or from code_version.PACKAGE"


def test_digests_of_code_are_those_of_the_checkout(installed: Path) -> None:
    modules = [f"tasks.stages.{stage}" for stage in stages()]
    code = f"""
import json
from undertone.flows.project import shipped
from undertone.tasks.core import code_version
assert code_version.IN_WHEEL
digests = {{name: code_version.version("undertone." + name) for name in {modules!r}}}
print(json.dumps([digests, shipped.note(), [str(path) for path in code_version.files("tasks.stages.crawl")]]))
"""
    digests, note, sources = json.loads(run(installed, code))
    assert digests == {name: code_version.version(name) for name in modules}
    assert note == shipped.note()
    assert sources == [str(path) for path in code_version.files("tasks.stages.crawl")]


def test_discovered_modules_templates_and_messages(installed: Path) -> None:
    code = """
import undertone
from undertone.flows.ui import prefect_server
from undertone.tasks.__main__ import stages
from undertone.tasks.core import distribution
from undertone.tasks.features.base import registry as extractors
from undertone.tasks.labelling.base import registry as voters
from undertone.tasks.media.decoding import process
from undertone.tasks.models.base import registry as models
from undertone.tasks.pages.common import templating
assert {"crawl", "report"} <= set(stages())
assert "functionals" in extractors.names()
assert "logistic" in models.names()
assert process.PROGRAM == "undertone.tasks.media.decoding.child"
assert prefect_server.__name__ == "undertone.flows.ui.prefect_server"
assert distribution.how_to_install("deep") == 'pip install "undertone-ser[deep]"'
print(undertone.weak_supervision.name, undertone.corpus_benchmark.name)
"""
    assert run(installed, code).split() == ["weak-supervision", "corpus-benchmark"]


def test_examples_and_imports_are_prefixed_and_nothing_else() -> None:
    source = '"""Tasks.\n\n>>> from tasks.core import paths\nfrom tasks to flows\n"""\n\nimport tasks.text\n\n\n'
    source += "def late() -> str:\n    from flows.cli import main\n\n    return 'from tasks import x'\n"
    expected = source.replace(">>> from tasks", ">>> from undertone.tasks").replace(
        "import tasks", "import undertone.tasks"
    )
    code = "import sys, setup; sys.stdout.write(setup.prefixed(sys.stdin.read()))"
    done = subprocess.run(
        [sys.executable, "-c", code], input=source, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == expected.replace("from flows.cli", "from undertone.flows.cli")


def test_version_and_name_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == distribution.NAME
    assert f"\nversion: {project['version']}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## [{project['version']}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
