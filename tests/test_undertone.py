"""The package `undertone`: names of the API, light to import, and the command of stages."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import undertone
from tasks import api
from tasks.core import distribution

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_it_offers_the_names_of_the_api() -> None:
    assert undertone.__all__ == api.__all__
    assert all(getattr(undertone, name) is not None for name in api.__all__)
    assert set(api.__all__) <= set(dir(undertone))


def test_name_and_version_are_those_of_the_metadata() -> None:
    assert PROJECT["name"] == distribution.NAME
    assert undertone.__version__ == distribution.version()


def test_importing_it_loads_no_library() -> None:
    code = "import sys; before = set(sys.modules); import undertone; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    packages = {name.partition(".")[0] for name in done.stdout.split()}
    assert packages <= {"undertone", "tasks"} | sys.stdlib_module_names


def test_it_runs_stages() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "undertone", "baking"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "there is no stage 'baking'" in done.stderr
