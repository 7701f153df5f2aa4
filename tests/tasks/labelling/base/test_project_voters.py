"""Voters in a project's folder: the examples of data/voters/README.md run as they stand."""

from __future__ import annotations

import math
import re
from pathlib import Path
from textwrap import dedent

import pytest

from tasks.core.errors import ConfigError
from tasks.labelling.base import project_voters, registry
from tasks.labelling.base.voter_input import Neighbour, VoterInput

README = Path(__file__).resolve().parents[4] / "data" / "voters" / "README.md"


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A folder with the modules of the README."""
    for block in re.findall(r"^ *```python\n(.*?)^ *```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        source = dedent(block)
        name = re.search(r'= "(\w+)"', source)
        assert name is not None
        (tmp_path / f"{name[1]}.py").write_text(source, encoding="utf-8")
    registry.load.cache_clear()
    return tmp_path


def test_the_examples_of_the_readme_vote(examples: Path) -> None:
    assert project_voters.names(examples) == ("answers", "shouting")
    shouting, answers = registry.load("shouting", examples), registry.load("answers", examples)
    votes = shouting.cast(["GO AWAY", "Go away"]).polarities.tolist()
    assert votes[0] == -0.5
    assert math.isnan(votes[1])
    asked = VoterInput("No, I", sentence="No, I do not.", before=(Neighbour("Do you like it?"),))
    votes = answers.cast([asked, VoterInput("No, I")]).polarities.tolist()
    assert votes[0] == -0.5
    assert math.isnan(votes[1])


@pytest.mark.parametrize("languages", ["'es'", "('es-MX',)", "5", "(None,)"])
def test_languages_must_be_primary_subtags(tmp_path: Path, languages: str) -> None:
    source = f"NAME, LICENCE, LANGUAGES = 'mine', 'MIT', {languages}\ndef load(): return lambda text: 0.5\n"
    (tmp_path / "mine.py").write_text(source)
    registry.load.cache_clear()
    with pytest.raises(ConfigError, match=r"mine\.py: LANGUAGES is .*expected a tuple of languages, such as"):
        registry.load("mine", tmp_path)


def test_a_module_is_executed_once_until_it_changes(tmp_path: Path) -> None:
    source = (
        f"from pathlib import Path; log = Path({str(tmp_path / 'log')!r})\n"
        "log.write_text(log.read_text() + 'x')\nNAME, LICENCE = 'mine', 'MIT'\ndef load(): ...\n"
    )
    path = tmp_path / "mine.py"
    path.write_text(source)
    (tmp_path / "log").write_text("")
    for _ in range(3):
        project_voters.read(path)
    path.write_text(source + "LANGUAGES = ('es',)\n")
    assert project_voters.read(path).LANGUAGES == ("es",)
    assert (tmp_path / "log").read_text() == "xx"
