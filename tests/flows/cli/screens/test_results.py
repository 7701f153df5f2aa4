"""Tests of the main scores on the terminal: baselines, both references, the verdict and the protocol."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.cli.screens import results
from tasks.core import paths, tables
from tests.tasks.pages.experiment_results import REFERENCES, of_classes


def test_scores_stand_beside_baselines_and_both_references(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    metrics = of_classes(references=REFERENCES, protocol_in_words="[b]Test[/] as listed.")
    tables.write_text(paths.experiment("mine") / "results.json", json.dumps(metrics))
    results.headline("mine")
    printed = [[cell.strip() for cell in line.split("│")] for line in capsys.readouterr().out.splitlines()]
    rows = {cells[1]: cells[2:] for cells in printed if len(cells) > 3}
    assert rows["UAR"][1] == "0.125 (0.000–0.143)", "the majority class"
    assert rows["the weak labels"][:3] == ["0.610", "0.333", "1.000"]
    assert rows["the listeners’ majority"][:3] == ["0.610", "–", "0.456"]
    assert rows["rated rows, n = 1,234"][:3] == ["", "", "0.520–0.700"]
    words = " ".join(word for cells in printed for cell in cells for word in cell.split())
    assert "the recipe’s interval lies entirely above that of the majority class" in words
    assert words.endswith("[b]Test[/] as listed.")


@pytest.mark.parametrize(("n", "is_small"), [(4, True), (1234, False)])
def test_a_small_test_set_is_announced_before_its_scores(
    project: Path, capsys: pytest.CaptureFixture[str], n: int, is_small: bool
) -> None:
    tables.write_text(paths.experiment("mine") / "results.json", json.dumps({**of_classes(), "n": n}))
    results.headline("mine")
    assert capsys.readouterr().out.startswith("Small test set (4 test utterances): ") == is_small
