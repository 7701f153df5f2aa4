"""Artifacts of experiments: scores, audits, leaderboard and links, with text from outside escaped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.artifacts import Artifact

from flows.runs import artifacts, experiment_artifacts
from flows.runs.experiment_artifacts import address, audits, findings, leaderboard, scores
from flows.runs.markdown_text import link
from tasks.core import paths, tables
from tasks.core.config import load
from tasks.leaks.finding import AuditReport, Finding, FoldSize
from tests.tasks.pages.experiment_results import SCORE, of_classes

SEEN = Finding("seen speakers", "violation", 0, 480, "no speaker")
SAME = Finding("same text", "warning", 3, 480, "of the test utterances", ("a and b", "c and d"))
REPORT = AuditReport("speaker-out(4)", "4 folds", 480, (FoldSize("fold 1 of 4", 360, 120),), (SEEN, SAME))


def test_scores_have_interval_baselines_and_the_published_score(project: Path) -> None:
    name = "meld-source-logistic-emotion"
    figures = of_classes(experiment=name, corpus="meld", reader="meld", protocol="official", leaky=True, n=1234)
    figures["scores"] |= {"weighted_f1": SCORE}
    head, _, row = scores([figures]).splitlines()
    cells = [cell.strip() for cell in row.strip("|").split(" | ")]
    assert head.count("|") == row.count("|") == 9
    assert cells[:2] == [r"meld\-source\-logistic\-emotion", r"Weighted F1 **0.610** (0\.520 to 0\.700)"]
    assert cells[2:4] == ["**LEAKY**: no groups are kept apart", r"accuracy 0\.481, leaky"]
    majority, shuffled = (figures["baselines"][of]["weighted_f1"]["value"] for of in ("majority", "shuffled labels"))
    assert cells[4:] == [f"{majority:.3f}", f"{shuffled:.3f}", "1,234", "official"]


def test_an_experiment_links_to_its_page_on_the_report_site(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNDERTONE_REPORT_URL", raising=False)
    assert address(paths.page("mine")) == f"file://{project}/data/page/mine/index.html"
    monkeypatch.setenv("UNDERTONE_REPORT_URL", "http://127.0.0.1:4201/")
    assert address(paths.REPORT) == "http://127.0.0.1:4201/"
    assert address(paths.LEADERBOARD) == "http://127.0.0.1:4201/leaderboard/"
    assert experiment_artifacts.linked("a_b") == r"a\_b", "it has no page yet"
    tables.write_text(paths.page("a_b"), "<html>")
    assert experiment_artifacts.linked("a_b") == "[a_b](<http://127.0.0.1:4201/page/a_b/>)"
    assert link("a](http://evil)", "x") == r"[a\]\(http\://evil\)](<x>)"


def test_text_from_outside_is_no_markup(project: Path) -> None:
    hostile = "x|[y](http://evil.example)\n# <img src=x onerror=alert(1)> `*"
    figures = of_classes(experiment="mine", corpus=hostile, target=hostile, protocol=hostile)
    for text in (scores([figures]), leaderboard([figures])):
        assert "<img" not in text
        assert "](http" not in text
        assert r"x\|\[y\]\(http\:" in text
        rows = [line for line in text.splitlines() if line.startswith("| ")]
        assert len({line.replace(r"\|", "").count("|") for line in rows[:3]}) == 1


def test_the_leaderboard_ranks_within_a_protocol(project: Path) -> None:
    assert "No experiment has results" in leaderboard([])
    good, bad = of_classes(experiment="good"), of_classes(experiment="bad")
    bad["scores"] = {**bad["scores"], "uar": SCORE | {"value": 0.1}}
    text = leaderboard([bad, good, of_classes(experiment="other", protocol="official")])
    cells = [line.split(" | ") for line in text.splitlines() if line.startswith(("| 1 ", "| 2 "))]
    assert [[*row[:2], row[4]] for row in cells] == [
        ["| 1", "other", "official"],
        ["| 1", "good", r"speaker\-out\(4\)"],
        ["| 2", "bad", r"speaker\-out\(4\)"],
    ]
    assert "published, not ranked" in text, "RAVDESS has published scores"


def test_checks_without_findings_read_not_found() -> None:
    rows = findings((SEEN, SAME))
    assert [(row["check"], row["finding"], row["n"]) for row in rows] == [
        ("same text", "warning", 3),
        ("seen speakers", "not found", 0),
    ]
    assert rows[0]["examples"] == "a and b; c and d"
    listed = [(row["experiment"], row["check"], row["finding"]) for row in audits({"mine": (SEEN, SAME), "new": ()})]
    assert listed == [("mine", "same text", "warning"), ("mine", "seen speakers", "not found")]
    clear = replace(SAME, n=0)
    (row,) = audits({"mine": (SEEN, clear)})
    assert (row["check"], row["what"]) == ("2 checks", "seen speakers, same text"), "the first columns stay narrow"


class _Dag:
    """A DAG whose stages have run."""

    def recorded(self) -> dict[str, Any]:
        return {}


@pytest.mark.filterwarnings("default")
def test_a_run_of_experiments_publishes_scores_audits_and_the_leaderboard(project: Path, prefect: None) -> None:
    params = Path("params.yaml")
    folder, name = paths.experiment("interviews-source"), "interviews-source"
    tables.write_text(folder / "results.json", json.dumps(of_classes(experiment=name)))
    tables.write_text(folder / "audit.json", json.dumps(REPORT.to_dict()))
    tables.write_text(paths.LEADERBOARD, "<html>")
    assert name in load(params).experiments

    @flow(name="publishing")
    def publish() -> None:
        artifacts.publish(_Dag(), ("experiment@interviews-source", "leaderboard"))  # type: ignore[arg-type]

    publish()
    latest = {key: Artifact.get(key) for key in ("scores", "experiment-audits", "leaderboard", "rejects", "lineage")}
    assert all(latest.values())
    assert "interviews\\-source | UAR" in str(latest["scores"].data)  # type: ignore[union-attr]
    rows = json.loads(str(latest["experiment-audits"].data))  # type: ignore[union-attr]
    assert [row["finding"] for row in rows] == ["warning", "not found"]
    assert "leaderboard/" in str(latest["leaderboard"].data)  # type: ignore[union-attr]
