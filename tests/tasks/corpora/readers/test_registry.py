"""The registry: names come from files, a reader is imported alone, and an unknown name is explained."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tasks.core import code_version
from tasks.core.errors import InputError
from tasks.corpora import readers
from tasks.corpora.readers import registry

SCRIPT = """
import sys
from tasks.corpora.readers import registry
names = set(registry.names())
def loaded():
    return sorted(name for name in names if registry.module(name) in sys.modules)
print(loaded())
registry.corpus("crema-d")
print(loaded())
"""


def test_names_are_those_of_the_files() -> None:
    files = {path.stem for path in Path(readers.__path__[0]).glob("[!_]*.py")} - {
        "interviews",
        "pool",
        "reading",
        "registry",
    }
    assert registry.names() == tuple(sorted(name.replace("_", "-") for name in files))


def test_listing_imports_no_reader_and_a_reader_is_imported_alone() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "['crema-d']"]


@pytest.mark.parametrize("name", registry.names())
def test_the_code_of_a_reader_is_without_other_readers_and_the_simulation(name: str) -> None:
    closure = {str(path) for path in code_version.files(registry.module(name))}
    others = {f"tasks/corpora/readers/{other.replace('-', '_')}.py" for other in registry.names() if other != name}
    assert not closure & others
    assert not {path for path in closure if path.startswith("tasks/simulate/")}


def test_an_unknown_reader_is_not_among_those_listed() -> None:
    with pytest.raises(InputError, match=r"there is no reader 'jl'; the readers are aesdd, .*, tess, pool$"):
        registry.corpus("jl")
    for name in ("reading", "registry", "crema_d"):
        with pytest.raises(InputError, match="there is no reader"):
            registry.corpus(name)
