"""action.yml: inputs never become part of a script, and its script finds a planted leak and exits with 1."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
ACTION: dict[str, Any] = YAML(typ="safe").load(ROOT / "action.yml")
SCRIPT = ROOT / ".github" / "audit_tables.py"
COMMAND = "import sys; from flows.cli.main import main; main()"
HEAD = "speaker,video_id,text\n"
TRAIN = f"{HEAD}Ada,v1,I really love this place\nBen,v2,We will see how it goes\n"
LEAK = f"{HEAD}Cleo,v3,Nobody told me that before\nBen,v4,Other words here\n"
HONEST = f"{HEAD}Cleo,v3,Nobody told me that before\n"


def run(folder: Path, **inputs: str) -> tuple[int, str, str, str]:
    """Run the script of the action on its inputs; return status, log, summary and outputs."""
    runner = (
        f"import runpy, sys; script = runpy.run_path({str(SCRIPT)!r}); "
        f"sys.exit(script['main']([sys.executable, '-c', {COMMAND!r}]))"
    )
    files = {name: str(folder / name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    env = {**os.environ, **files, "RUNNER_TEMP": str(folder), "PYTHONPATH": str(ROOT)}
    env |= {
        f"AUDIT_{name.upper()}": value for name, value in {"train": "train.csv", "test": "test.csv", **inputs}.items()
    }
    done = subprocess.run(
        [sys.executable, "-c", runner], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    summary, outputs = (Path(path).read_text() if Path(path).exists() else "" for path in files.values())
    return done.returncode, done.stdout + done.stderr, summary, outputs


def test_a_planted_leak_fails_the_job(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(TRAIN)
    (tmp_path / "test.csv").write_text(LEAK)
    status, log, summary, outputs = run(tmp_path)
    assert status == 1, log
    assert "::error title=undertone audit::seen speakers: 50.0%25 of the test utterances" in log
    assert summary.startswith("### Audit of the split: 1 violation(s)\n")
    assert "| violation | seen speakers | 1 of 2 |" in summary and "Ben\\: row 3" in summary
    assert "| passed | seen groups | 0 of 2 |" in summary
    assert outputs == f"passed=false\nviolations=1\nresult={tmp_path / 'undertone-audit.json'}\n"
    assert json.loads((tmp_path / "undertone-audit.json").read_text())["shared"]["speaker"][0]["value"] == "Ben"


def test_a_declared_leak_passes(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(TRAIN)
    (tmp_path / "test.csv").write_text(LEAK)
    status, log, _, outputs = run(tmp_path, declare="seen-speakers\n", columns="speaker=speaker\n")
    assert status == 0, log
    assert outputs.startswith("passed=true\n")


def test_tables_that_cannot_be_read_are_no_violation(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(TRAIN)
    status, log, summary, outputs = run(tmp_path)
    assert status == 2 and "test.csv" in log
    assert "could not be audited" in summary and outputs == ""


def test_text_of_the_tables_is_escaped_in_the_summary() -> None:
    import runpy

    script = runpy.run_path(str(SCRIPT))
    assert script["escaped"]("a|b\n<img src=x> [x](y) `c`") == r"a\|b &lt;img src\=x&gt; \[x\]\(y\) \`c\`"
    finding = {"check": "c", "what": "x\n::stop-commands::y%"}
    assert script["annotation"](finding) == "::error title=undertone audit::c: x%0A::stop-commands::y%25"
    env = {
        "AUDIT_TRAIN": "--help",
        "AUDIT_TEST": "b c.csv",
        "AUDIT_COLUMNS": "speaker=A B\n\ngroup=g",
        "AUDIT_APART": "x",
    }
    assert script["arguments"](env) == [
        "audit", "--json", "--apart=x", "--column=speaker=A B", "--column=group=g", "--", "--help", "b c.csv",
    ]  # fmt: skip


def test_no_input_is_part_of_a_script() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", ""), step
        for value in step.get("env", {}).values():
            assert re.fullmatch(r"\$\{\{ (inputs\.[\w-]+|github\.action_path) \}\}", value)
    named = {name for step in ACTION["runs"]["steps"] for name in re.findall(r"inputs\.([\w-]+)", json.dumps(step))}
    assert named == set(ACTION["inputs"]), "every input is used"
    assert all(entry["description"] for entry in ACTION["inputs"].values())


def test_its_scripts_exist_and_parse() -> None:
    for step in ACTION["runs"]["steps"]:
        for path in re.findall(r"\$UNDERTONE_SOURCE/([\w./]+)", step.get("run", "")):
            assert (ROOT / path).is_file(), path
    subprocess.run(["bash", "-n", str(ROOT / ".github/install_for_audit.sh")], check=True)


@pytest.mark.parametrize("page", ["docs/containers.md"])
def test_the_workflow_in_the_docs_uses_inputs_that_exist(page: str) -> None:
    (workflow,) = re.findall(r"```yaml\n(name: .*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    steps = YAML(typ="safe").load(workflow)["jobs"]["audit"]["steps"]
    (used,) = [step["with"] for step in steps if "undertone" in step.get("uses", "")]
    assert set(used) <= set(ACTION["inputs"])
