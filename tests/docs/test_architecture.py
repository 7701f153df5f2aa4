"""docs/architecture.md agrees with the import contract and the code."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]


def layers(container: str) -> list[set[str]]:
    (contract,) = [one for one in CONTRACTS if one.get("containers") == [container]]
    return [set(layer.split(" | ")) for layer in contract["layers"]]


def test_the_picture_shows_the_layers_of_the_contract() -> None:
    (picture,) = re.findall(r"```mermaid\n(.*?)```", PAGE, re.DOTALL)
    drawn = set(re.findall(r"(\w+)(?:\[[^\]]*\])? --> (\w+)", picture))
    expected = {("bench", "flows"), ("flows", "api")}
    ordered = [layer for layer in layers("tasks") if layer != {"__main__"}]
    for upper, lower in pairwise(ordered):
        expected |= {(above, below) for above in upper for below in lower}
    assert drawn == expected


def test_contracts_cover_every_package() -> None:
    for container in ("tasks", "flows"):
        contract = set().union(*layers(container))
        there = {
            path.stem
            for path in (ROOT / container).iterdir()
            if path.suffix == ".py" or (path / "__init__.py").exists()
        }
        assert there - {"__init__"} == contract


def test_no_module_is_loose() -> None:
    allowed = {"tasks": {"__init__", "__main__"}, "flows": {"__init__", "weak_supervision", "corpus_benchmark"}}
    for folder, names in allowed.items():
        assert {path.stem for path in (ROOT / folder).glob("*.py")} == names


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:tasks|flows)/[\w/]+\.py)", PAGE))))
def test_modules_that_it_names_exist(path: str) -> None:
    assert (ROOT / path).is_file()


def test_every_stage_is_a_module_and_the_other_way_round() -> None:
    stages = {path.stem for path in (ROOT / "tasks" / "stages").glob("*.py")} - {"__init__"}
    named = set(re.findall(r"`tasks/stages/(\w+)\.py", PAGE))
    assert named <= stages
