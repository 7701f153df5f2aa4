"""Registry of voters: discovery by file, imports on demand, cache keys."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tasks.core import code_version
from tasks.labelling import voters
from tasks.labelling.base import registry, voter_kinds


def test_only_the_named_voter_is_imported() -> None:
    code = """
import sys
from tasks.labelling.base import registry, voter_kinds
def imported(): return [name for name in voter_kinds.shipped() if f"tasks.labelling.voters.{name}" in sys.modules]
registry.check(voter_kinds.shipped()); print(imported())
registry.load("afinn"); print(imported())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "['afinn']"]


def test_a_new_voter_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "constant.py").write_text(
        'NAME, LICENCE = "constant", "MIT"\n\n\ndef load(): return lambda text: 0.5\n'
    )
    monkeypatch.setattr(voters, "__path__", [*voters.__path__, str(tmp_path)])
    voter_kinds.shipped.cache_clear()
    try:
        registry.check(["vader", "constant"])
        assert registry.licence("constant") == "MIT"
        assert registry.load("constant").cast(["a", "b"]).polarities.tolist() == [0.5, 0.5]
    finally:
        voter_kinds.shipped.cache_clear()
        sys.modules.pop("tasks.labelling.voters.constant", None)


@pytest.mark.parametrize("name", voter_kinds.shipped())
def test_a_shipped_voter_is_named_like_its_file_and_keyed_by_its_own_code(name: str) -> None:
    assert registry.load(name).name == name
    sound = [voter_kinds.VOICES] if registry.needs(name).prosody else []
    assert registry.version(name) == code_version.version(f"tasks.labelling.voters.{name}", *sound)
    files = {str(path) for path in code_version.files("tasks.stages.polarity")}
    assert f"tasks/labelling/voters/{name}.py" not in files
