"""dvc.yaml agrees with the code: names, code digests, parameters and outputs of every stage."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tasks import __main__ as command
from tasks.core.config import Config

ROOT = Path(__file__).resolve().parent.parent
DAG: dict[str, Any] = {
    name: stage.get("do", stage) for name, stage in YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"].items()
}
STAGES = command.stages()
CODE_DIGESTS = "data/code/digests.json"


def paths_of(stage: str, kind: str) -> list[str]:
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in DAG[stage].get(kind, [])]


def key(stage: str) -> str:
    return stage + "@${key}" * command.per_name(stage)


def test_one_name_per_stage() -> None:
    assert sorted(DAG) == sorted(STAGES)
    for stage in STAGES:
        assert list((ROOT / "tests" / "tasks").rglob(f"test_{stage}.py")), stage
        assert DAG[stage]["cmd"] == f"python -m undertone {key(stage)}"


@pytest.mark.parametrize("stage", sorted(set(STAGES) - {"code", "checkpoint"}))
def test_code_is_an_input_as_one_digest(stage: str) -> None:
    digests = [entry[CODE_DIGESTS] for entry in DAG[stage]["params"] if isinstance(entry, dict)]
    assert digests == [[key(stage)]]
    assert not [path for path in paths_of(stage, "deps") if path.startswith("tasks")]


def test_only_the_stage_code_reads_source_files() -> None:
    assert paths_of("code", "deps") == ["data/checkpoint", "data/robustness", "tasks"]


@pytest.mark.parametrize("stage", STAGES)
def test_parameters_are_those_the_code_reads(stage: str) -> None:
    source = (ROOT / "tasks" / "stages" / f"{stage}.py").read_text()
    body = source[: source.index("\ndef plugins")] if "\ndef plugins" in source else source
    read = set(re.findall(r"\bconfig\.(\w+)", body)) & set(Config.model_fields)
    listed = {entry.split(".")[0] for entry in DAG[stage].get("params", []) if isinstance(entry, str)}
    assert read <= listed, f"dvc.yaml: stage {stage} reads {sorted(read - listed)}, which its params do not list"
    assert "runtime" not in listed, "the machine decides nothing"


def test_outputs_stay_while_their_stage_runs_again() -> None:
    # DVC removes others before it runs a stage: they would be missing during the run, and after one that was stopped
    outputs = [
        entry for stage in DAG.values() for kind in ("outs", "metrics", "plots") for entry in stage.get(kind, [])
    ]
    assert outputs
    assert [
        entry for entry in outputs if not isinstance(entry, dict) or not next(iter(entry.values()))["persist"]
    ] == []


def test_metrics_are_few_and_templates_of_plots_exist() -> None:
    assert [len(stage.get("metrics", [])) for stage in DAG.values() if "metrics" in stage] == [1, 1]
    plots = [settings for stage in DAG.values() for entry in stage.get("plots", []) for settings in entry.values()]
    assert plots
    for plot in plots:
        template = json.loads((ROOT / ".dvc" / "plots" / f"{plot['template']}.json").read_text(encoding="utf-8"))
        assert template["data"] == {"values": "<DVC_METRIC_DATA>"}
        assert {"<DVC_METRIC_X>", "<DVC_METRIC_Y>"} <= set(re.findall("<[A-Z_]+>", json.dumps(template)))


def test_outputs_lie_in_the_stages_own_folder() -> None:
    for stage in STAGES:
        for kind in ("outs", "metrics", "plots"):
            # the feature sets of a corpus lie side by side
            name = "${item.corpus}/${key}" if stage == "extract" else "${key}/"
            own = f"data/{stage}/" + name * command.per_name(stage)
            assert all(path.startswith(own) for path in paths_of(stage, kind)), stage


def test_it_reads_like_a_table_of_contents() -> None:
    # fewer than 19 lines for each stage: desc, cmd and seven keys take 11, the widest stages have 20 inputs
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) < 19 * len(DAG)
    assert all(stage.get("desc") for stage in DAG.values())


def test_features_do_not_depend_on_labels() -> None:
    read = [path.rpartition("/")[2] for path in paths_of("extract", "deps")]
    assert sorted(read) == ["pictures.parquet", "sounds.parquet", "unlabelled.parquet"]
