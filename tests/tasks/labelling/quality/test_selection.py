"""Selection of a combination: the best candidate by cross-validation, and no group on both sides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tasks.core import tables
from tasks.core.errors import NotEnoughData
from tasks.evaluation import splits
from tasks.evaluation.scores import Bootstrap
from tasks.labelling.quality import selection
from tasks.labelling.quality.selection import RatedVotes
from tasks.labelling.votes import combine

FEW = Bootstrap(50, 0.95, 0)


def rated(accuracies: tuple[float, ...], n: int = 400, seed: int = 0, *, alike: bool = False) -> RatedVotes:
    """Votes of voters with these accuracies over forty videos; `alike`: all but the first make the same errors."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=n)
    luck, wrong = rng.random((n, len(accuracies))), (truth[:, None] + rng.integers(1, 3, (n, len(accuracies)))) % 3
    if alike:
        luck[:, 2:], wrong[:, 2:] = luck[:, 1:2], wrong[:, 1:2]
    columns = [np.where(luck[:, k] < accuracy, truth, wrong[:, k]) for k, accuracy in enumerate(accuracies)]
    return RatedVotes(
        [f"v{k}" for k in range(len(accuracies))],
        (np.stack(columns, axis=1) - 1) * 0.5,
        np.full((n, len(accuracies), 3), np.nan),
        np.array(tables.SENTIMENTS)[truth],
        np.array([f"g{k % 40}" for k in range(n)]),
    )


def test_a_single_good_voter_is_chosen_over_combinations_with_bad_ones() -> None:
    votes = rated((0.9, 0.5, 0.5, 0.5), n=200, alike=True)
    choice = selection.choose(votes, FEW)
    by_name = {row["name"]: row["macro_f1"]["value"] for row in choice.table}
    assert choice.name in (combine.alone("v0"), selection.STACKING)
    assert by_name["majority"] < by_name[choice.name] - 0.1
    assert list(by_name) == list(selection.candidates(votes.names))
    assert choice.nested is not None
    assert choice.nested["n"] == 200
    assert set(choice.nested["per_class"]) == set(tables.SENTIMENTS)


def test_independent_voters_are_combined() -> None:
    choice = selection.choose(rated((0.7,) * 5, n=200), FEW)
    assert combine.voter_of(choice.name) is None


def test_labels_of_noise_gain_nothing_in_nested_folds() -> None:
    """The best of many candidates looks better than chance on its own rows; in nested folds the choice does not."""
    votes = rated((1 / 3,) * 3, n=240)
    choice = selection.choose(votes, FEW)
    assert choice.nested is not None
    assert choice.nested["macro_f1"]["value"] < 0.42


def test_no_text_is_labelled_by_a_model_of_its_own_group() -> None:
    """One video's ratings are the opposite of what the votes say elsewhere: a model that saw them would follow them."""
    votes = rated((0.95, 0.9))
    odd = votes.groups == "g0"
    flipped = np.where(odd & (votes.labels == "positive"), "negative", votes.labels)
    labels = selection.cross_validated(replace(votes, labels=flipped), [selection.STACKING])[selection.STACKING]
    for fold in splits.group_k_fold(flipped, votes.groups, 5, 7):
        assert not set(votes.groups[fold.train]) & set(votes.groups[fold.test])
    positives = odd & (votes.labels == "positive")
    assert (labels[positives] == "positive").mean() > 0.8


def test_too_few_groups_allow_no_choice() -> None:
    votes = rated((0.9, 0.6), n=30)
    single = replace(votes, groups=np.full(30, "one"))
    assert not selection.possible(single)
    with pytest.raises(NotEnoughData, match="30 rated texts: a combination is chosen or trained on texts of every"):
        selection.choose(single, FEW)
    assert not selection.possible(replace(votes, labels=np.full(30, "neutral")))
    two = replace(votes, groups=np.where(np.arange(30) < 15, "a", "b"))
    assert selection.choose(two, FEW).nested is None


def test_unscored_texts_train_and_do_not_count() -> None:
    votes = rated((0.9, 0.6), n=120)
    unscored = np.arange(120) % 2 == 0
    flipped = np.where(unscored & (votes.labels == "positive"), "negative", votes.labels)
    choice = selection.choose(replace(votes, labels=flipped, unscored=unscored), FEW, with_nested=False)
    by_name = {row["name"]: row for row in choice.table}
    assert {row["n"] for row in choice.table} == {60}
    right = (combine.labels_of(votes.polarities[:, 0]) == votes.labels)[~unscored].mean()
    assert by_name["v0 alone"]["accuracy"]["value"] == pytest.approx(right)
    assert not selection.possible(replace(votes, unscored=np.ones(120, dtype=bool)))


def test_a_class_that_one_fold_would_take_whole_allows_fewer_folds_or_none() -> None:
    """Two videos have all negative texts: folds are made so that each training part has some, or there are none."""
    votes = rated((0.9, 0.6), n=120)
    in_two = np.isin(votes.groups, ["g0", "g1"])
    labels = np.where(in_two, "negative", np.where(votes.labels == "negative", "neutral", votes.labels))
    choice = selection.choose(replace(votes, labels=labels), FEW)
    assert choice.n_folds == 2
    assert choice.nested is None
