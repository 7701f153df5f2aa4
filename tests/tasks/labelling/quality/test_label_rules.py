"""Rules that were chosen on rated rows: which are in use, and which scored rows are among theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.core import paths
from tasks.core.config import Config
from tasks.core.errors import InputError
from tasks.labelling.quality import combination_file, label_rules, row_digests
from tasks.labelling.quality.combination_file import CombinationFile
from tasks.labelling.quality.label_rules import LabelRule

TEXTS = ("A good day at last", "A bad day at last", "The table over there")
NAMES = ("a/1", "a/2", "a/3")
DEFAULT = combination_file.made("consensus", None)


@pytest.fixture(autouse=True)
def _in_project(project: Path) -> None:
    """Run in a new project."""


def test_by_default_no_rule_was_chosen_on_ratings(settings: Config) -> None:
    assert label_rules.in_use(settings.polarity, DEFAULT) == []


def test_a_tuned_threshold_counts_while_it_is_in_use(settings: Config) -> None:
    label_rules.record_threshold({"parameter": "min_score", "value": 0.31249}, "consensus", TEXTS[:2])
    assert label_rules.in_use(settings.polarity, DEFAULT) == []
    (rule,) = label_rules.in_use(settings.polarity.model_copy(update={"min_score": 0.312}), DEFAULT)
    assert (rule.kind, rule.name) == (label_rules.THRESHOLD, "polarity.min_score")
    (check,) = label_rules.checks([rule], TEXTS, NAMES)
    assert check.same == ["a/1", "a/2"]
    assert check.in_words == (
        "threshold (polarity.min_score): chosen on 2 different rated texts; 2 of the 3 scored rows are among them, "
        "so that scores that depend on it are too good"
    )
    modelled = CombinationFile("mace", "mace")
    assert label_rules.in_use(settings.polarity.model_copy(update={"min_score": 0.312}), modelled) == []
    paths.TUNED.write_text("{}")
    with pytest.raises(InputError, match=r"threshold.json: cannot be read .*undertone labels tune"):
        label_rules.in_use(settings.polarity, DEFAULT)


def test_a_selected_combination_names_its_rows(settings: Config) -> None:
    rows = {"n": 1, "n_groups": 1, "sources": {"tweets": 1}, "digests": row_digests.digests(TEXTS[2:])}
    selected = CombinationFile("selected", "mace", "the best macro F1", rows)
    (rule,) = label_rules.in_use(settings.polarity, selected)
    assert [check.same for check in label_rules.checks([rule], TEXTS, NAMES)] == [["a/3"]]
    assert "1 rated rows of 1 videos or articles (tweets: 1)" in label_rules.chosen_in_words(selected)
    assert "nothing was selected or trained on rated rows" in label_rules.chosen_in_words(DEFAULT)
    unselected = combination_file.made("selected", None)
    assert "cannot be shown" in label_rules.chosen_in_words(unselected)


def test_a_learned_voter_names_its_texts_or_that_they_were_not_recorded() -> None:
    folder = paths.VOTERS / "mine"
    folder.mkdir(parents=True)
    (folder / "card.json").write_text("{}")
    (rule,) = label_rules.of_voters(["vader", "mine"])
    (check,) = label_rules.checks([rule], TEXTS, NAMES)
    assert not check.recorded
    assert check.same == []
    assert "the rows it was trained on are not recorded" in check.in_words
    (folder / "rows.txt").write_text(row_digests.text(["a GOOD day, at last"]))
    (check,) = label_rules.checks(label_rules.of_voters(["mine"]), TEXTS, NAMES)
    assert (check.same, check.recorded) == (["a/1"], True)


def test_the_removal_of_hedges_was_derived_from_the_hundred_captions(settings: Config) -> None:
    rules = label_rules.in_use(settings.polarity.model_copy(update={"mask_hedges": True}), DEFAULT)
    assert [rule.kind for rule in rules] == [label_rules.HEDGES]
    assert len(rules[0].digests or ()) == 100


def test_scores_that_depend_on_a_violated_rule_are_marked() -> None:
    def report() -> dict[str, list[dict[str, object]]]:
        return {
            "voters": [{"name": "vader"}, {"name": "mine"}],
            "combinations": [{"name": "mean", "used": False}, {"name": "mace", "used": True}],
        }

    def marked(kind: str, name: str, *texts: str) -> tuple[list[object], list[object]]:
        scored = report()
        rule = LabelRule(kind, name, "texts", row_digests.digests(texts))
        label_rules.mark(scored, label_rules.checks([rule], TEXTS, NAMES))
        return [row["too_good"] for row in scored["voters"]], [row["too_good"] for row in scored["combinations"]]

    assert marked(label_rules.VOTER, "mine", TEXTS[0]) == ([False, True], [True, True])
    assert marked(label_rules.THRESHOLD, "polarity.min_score", TEXTS[0]) == ([False, False], [False, True])
    assert marked(label_rules.VOTER, "mine", "another text") == ([False, False], [False, False])
