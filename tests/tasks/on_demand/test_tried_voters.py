"""Voters and combinations on rated texts: cross-validated stacking, soft labels, and texts a voter was trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.core import tables
from tasks.core.config import Config
from tasks.on_demand import tried_voters

WORDS = {"negative": "awful bad sad", "neutral": "table chair door", "positive": "good nice glad"}


@pytest.fixture
def few(settings: Config) -> Config:
    return settings.model_copy(update={"evaluate": settings.evaluate.model_copy(update={"bootstrap": 100})})


def test_stacking_and_the_selection_are_cross_validated(project: Path, few: Config) -> None:
    """Votes that are always turned round: only a model trained on ratings can turn them back."""
    turned = {"negative": "positive", "neutral": "neutral", "positive": "negative"}
    rows = [f"{words},{turned[label]},g{k}" for k in range(10) for label, words in WORDS.items()]
    Path("known.csv").write_text("text,sentiment,group\n" + "\n".join(rows) + "\n")
    report = tried_voters.report([Path("known.csv")], ["vader", "afinn"], few)
    by_name = {row["name"]: row["everywhere"]["macro_f1"]["value"] for row in report["combinations"]}
    assert by_name["stacking"] == by_name["selected"] == 1.0
    assert by_name["majority"] < 0.5
    assert report["cross_validated"]
    assert [row["name"] for row in report["combinations"] if row["used"]] == ["consensus"]
    assert report["rules"] == []
    assert report["soft"] == []


def test_without_groups_for_folds_there_is_no_stacking(project: Path, few: Config) -> None:
    Path("known.csv").write_text("text,sentiment,group\n" + "".join(f"{w},{s},g\n" for s, w in WORDS.items()))
    report = tried_voters.report([Path("known.csv")], ["vader"], few)
    assert {"stacking", "selected"}.isdisjoint({row["name"] for row in report["combinations"]})
    assert not report["cross_validated"]


def test_texts_with_several_raters_have_soft_scores(project: Path, few: Config) -> None:
    rows = ["awful bad sad,9,1,0", "table chair door,1,8,1", "good nice glad,0,1,9", "good nice day,0,0,1"]
    Path("known.csv").write_text("text," + ",".join(tables.SENTIMENTS) + "\n" + "\n".join(rows) + "\n")
    report = tried_voters.report([Path("known.csv")], ["vader"], few)
    assert report["n_heard"] == 4
    soft = {row["name"]: row for row in report["soft"]}
    assert soft["vader"]["n"] == 3, "the last text has one rater"
    assert 0 < soft["vader"]["jensen_shannon"]["value"] < 0.4
    assert soft["vader"]["calibration_error"]["value"] == pytest.approx((0.1 + 0.2 + 0.1) / 3)
