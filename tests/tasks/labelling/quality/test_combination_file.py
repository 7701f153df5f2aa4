"""The artifact of the combination in use: what it states, and what it does without enough ratings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tasks.core import tables
from tasks.core.errors import NotEnoughData, TableError
from tasks.labelling.quality import combination_file, row_digests
from tasks.labelling.quality.combination_file import RatedRows
from tasks.labelling.quality.selection import RatedVotes

WORDS = ("bad day", "table", "good day")


def rated(n: int = 90) -> RatedRows:
    """A voter that is right and one that is always positive, on texts of fifteen videos."""
    codes = np.arange(n) % 3
    votes = np.stack([(codes - 1) * 0.5, np.full(n, 0.4)], axis=1)
    labels, groups = np.array(tables.SENTIMENTS)[codes], np.array([f"v{k // 6}" for k in range(n)])
    texts = [f"{WORDS[code]} {k}" for k, code in enumerate(codes)]
    return RatedRows(
        RatedVotes(("good", "glad"), votes, np.full((n, 2, 3), np.nan), labels, groups), texts, np.full(n, "listeners")
    )


def test_a_combination_that_params_name_needs_no_rows() -> None:
    content = combination_file.made("majority", None)
    assert (content.chosen, content.rows, content.model) == ("majority", None, None)
    assert combination_file.made("majority", rated()) == content, "ratings change nothing"


def test_the_selected_combination_is_written_with_its_rows_and_table(tmp_path: Path) -> None:
    content = combination_file.made("selected", rated())
    assert content.chosen == "good alone", "the simplest of equally good candidates"
    assert content.why == "the best macro F1 of 8 candidates; 5 folds, no video or article on both sides"
    assert content.rows is not None
    assert (content.rows["n"], content.rows["n_groups"], content.rows["sources"]) == (90, 15, {"listeners": 90})
    assert content.digests == row_digests.digests(rated().texts)
    assert content.nested is not None
    assert content.nested["macro_f1"]["value"] == 1.0
    path = tmp_path / "combination.json"
    path.write_text(combination_file.text(content))
    again = combination_file.read(path)
    assert combination_file.text(again) == combination_file.text(content)
    path.write_text('{"combine": "selected"}')
    with pytest.raises(TableError, match="undertone run polarity --force"):
        combination_file.read(path)


def test_the_digest_of_the_rows_depends_on_ratings_and_not_on_their_order() -> None:
    rows = rated()
    turned = np.arange(90)[::-1]
    other = RatedRows(rows.votes.rows(turned), [rows.texts[k] for k in turned], rows.sources)
    assert other.described() == rows.described()
    relabelled = replace(rows.votes, labels=np.roll(rows.votes.labels, 1))
    assert replace(rows, votes=relabelled).described()["sha256"] != rows.described()["sha256"]


def test_stacking_is_trained_and_applied() -> None:
    rows = rated()
    content = combination_file.made("stacking", rows)
    assert content.chosen == "stacking"
    likely = content.stacked(rows.votes.polarities, rows.votes.chances)
    assert likely is not None
    assert (np.array(tables.SENTIMENTS)[likely.argmax(axis=1)] == rows.votes.labels).all()


def test_without_ratings_nothing_is_selected_and_stacking_is_an_error() -> None:
    content = combination_file.made("selected", None)
    assert (content.chosen, content.rows) == ("consensus", None)
    assert "It cannot be shown that these labels are better than those of the best single voter" in content.why
    few = rated()
    single = replace(few, votes=replace(few.votes, groups=np.full(90, "one")))
    assert combination_file.made("selected", single).chosen == "consensus"
    with pytest.raises(NotEnoughData, match=r"found 90 rated rows .*undertone annotate --split train"):
        combination_file.made("stacking", single)


def test_rows_of_ratings_and_files_are_joined() -> None:
    both = rated().followed_by(replace(rated(30), sources=np.full(30, "tweets")))
    assert both.described()["sources"] == {"listeners": 90, "tweets": 30}
    assert both.votes.polarities.shape == (120, 2)


def test_rows_that_a_learned_voter_was_trained_on_are_left_out() -> None:
    rows = rated()
    fewer = rows.without(row_digests.digests(rows.texts[:30]))
    assert (len(fewer.texts), fewer.left_out, fewer.votes.labels.size) == (60, 30, 60)
    assert fewer.described()["left_out"] == 30
    assert rows.without(()).described() == rows.described()
    none = rows.without(row_digests.digests(rows.texts))
    why = "90 more are left out: a learned voter was trained on them"
    assert why in combination_file.made("selected", none).why
    with pytest.raises(NotEnoughData, match=why):
        combination_file.made("stacking", none)
