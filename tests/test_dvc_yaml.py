"""dvc.yaml says what the code does: names agree, inputs cover imports, parameters cover what is read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tasks.__main__ import PER_NAME, STAGES
from tasks.core import code_version
from tasks.core.config import Config
from tasks.corpora.readers import registry

ROOT = Path(__file__).resolve().parent.parent
DAG: dict[str, Any] = {
    name: stage.get("do", stage) for name, stage in YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"].items()
}
ALL = (*STAGES, *PER_NAME)


def paths_of(stage: str, kind: str) -> list[str]:
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in DAG[stage].get(kind, [])]


def test_one_word_per_stage() -> None:
    assert tuple(DAG) == ALL
    for stage in ALL:
        assert stage in Config.model_fields or stage in PER_NAME
        assert (ROOT / "tasks" / "stages" / f"{stage}.py").is_file()
        assert list((ROOT / "tests" / "tasks").rglob(f"test_{stage}.py")), stage
        assert DAG[stage]["cmd"] == f"python -m tasks {stage}" + "@${key}" * (stage in PER_NAME)


@pytest.mark.parametrize("stage", ALL)
def test_code_dependencies_are_the_import_closure(stage: str) -> None:
    code = [Path(path) for path in paths_of(stage, "deps") if path.startswith("tasks/")]
    # readers are looked up by name
    readers = map(registry.module, registry.names()) if stage == "corpus" else ()
    needed = {path for module in (f"tasks.stages.{stage}", *readers) for path in code_version.files(module)}
    uncovered = {path for path in needed if not any(path.is_relative_to(dep) for dep in code)}
    assert not uncovered, f"dvc.yaml: stage {stage} lacks the inputs {sorted(map(str, uncovered))}"
    idle = {dep for dep in code if not any(path.is_relative_to(dep) for path in needed)}
    assert not idle, f"dvc.yaml: stage {stage} lists {sorted(map(str, idle))}, which it does not import"


@pytest.mark.parametrize("stage", ALL)
def test_parameters_are_those_the_code_reads(stage: str) -> None:
    source = (ROOT / "tasks" / "stages" / f"{stage}.py").read_text()
    read = set(re.findall(r"\bconfig\.(\w+)", source)) & set(Config.model_fields)
    listed = {entry.split(".")[0] for entry in DAG[stage].get("params", [])}
    assert read <= listed, f"dvc.yaml: stage {stage} reads {sorted(read - listed)}, which its params do not list"
    assert "runtime" not in listed, "the machine decides nothing"


def test_outputs_lie_in_the_stages_own_folder() -> None:
    for stage in ALL:
        for kind in ("outs", "metrics", "plots"):
            # a corpus's sets of features lie side by side: experiments on it need them all
            key = "${item.corpus}/${key}" if stage == "extract" else "${key}/"
            mine = f"data/{stage}/" + key * (stage in PER_NAME)
            assert all(path.startswith(mine) for path in paths_of(stage, kind)), stage


def test_an_edited_helper_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_version.version("tasks.stages.train")
    assert Path("tasks/evaluation/scores.py") in code_version.files("tasks.stages.train")
    original = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: original(self) + b"#" * (self.name == "scores.py"))
    code_version.version.cache_clear()
    assert code_version.version("tasks.stages.train") != before
    assert code_version.version("tasks.stages.segments") == code_version.version("tasks.stages.segments")
    monkeypatch.undo()
    code_version.version.cache_clear()
    assert code_version.version("tasks.stages.train") == before


def test_a_fit_does_not_depend_on_what_only_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.stages import experiment

    def versions() -> dict[str, str]:
        code_version.version.cache_clear()
        return {"fit": experiment._fitting(), "all": code_version.version("tasks.stages.experiment")}

    before, original = versions(), Path.read_bytes
    for edited, changes in (("scoring.py", {"fit", "all"}), ("survey.py", {"all"}), ("plan.py", {"all"})):
        monkeypatch.setattr(Path, "read_bytes", lambda self, name=edited: original(self) + b"#" * (self.name == name))
        after = versions()
        monkeypatch.undo()
        assert {name for name in before if before[name] != after[name]} == changes, edited
    assert versions() == before
