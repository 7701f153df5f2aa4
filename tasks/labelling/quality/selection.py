"""Choice of a combination by cross-validation on rated texts, with no group on both sides of a fold.

Candidates are each voter alone, the combinations that need no ratings, and stacking. A text without a label counts as
neutral. `nested` gives the score of the choice itself: in each fold, a choice is made on the other folds only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.core.errors import NotEnoughData
from tasks.evaluation import scores, splits
from tasks.evaluation.scores import Bootstrap
from tasks.evaluation.splits import Fold, Labels
from tasks.labelling.votes import combine, stacking
from tasks.labelling.votes.combine import Polarities, Thresholds

STACKING = "stacking"
FOLDS, _INNER, _SEED = 5, 3, 7
_EVERYTHING = Thresholds(0.0, 0.0)


@dataclass(frozen=True)
class RatedVotes:
    """Votes on rated texts.

    Args:
        names: the voters, shape (n_voters,)
        polarities: NaN where a voter abstains, shape (n_texts, n_voters)
        chances: NaN where a voter has no probabilities, shape (n_texts, n_voters, 3)
        labels: ratings, shape (n_texts,)
        groups: video or article of every text, shape (n_texts,)
        unscored: texts that models are trained on and no score counts, shape (n_texts,); None: all are scored
    """

    names: Sequence[str]
    polarities: Polarities
    chances: NDArray[np.float64]
    labels: Labels
    groups: Labels
    unscored: NDArray[np.bool_] | None = None

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Texts that scores count, shape (n_texts,)."""
        return np.ones(self.labels.size, dtype=bool) if self.unscored is None else ~self.unscored

    def rows(self, which: NDArray[np.int64]) -> RatedVotes:
        """Return some of the rows.

        Args:
            which: row numbers
        """
        return RatedVotes(
            self.names,
            self.polarities[which],
            self.chances[which],
            self.labels[which],
            self.groups[which],
            ~self.scored[which],
        )


@dataclass(frozen=True)
class Choice:
    """A candidate that was chosen, with the cross-validated scores of all.

    Args:
        name: of the candidate
        table: one row per candidate, in their order: name, scores, per-class scores
        nested: scores of choosing like this; None if the groups do not allow folds within folds
        n_folds: number of folds
    """

    name: str
    table: Sequence[Mapping[str, Any]]
    nested: Mapping[str, Any] | None
    n_folds: int

    @property
    def protocol(self) -> str:
        """The protocol in words."""
        return f"{self.n_folds} folds, no video or article on both sides"


def candidates(voters: Sequence[str]) -> tuple[str, ...]:
    """Return the names of all candidates, simple ones first: of equal scores the first is chosen.

    Args:
        voters: their names
    """
    several = (*combine.UNTRAINED, STACKING) if len(voters) > 1 else (STACKING,)
    return (*map(combine.alone, voters), *several)


def possible(rated: RatedVotes) -> bool:
    """Return whether rated texts allow a choice: every class in two groups or more.

    Args:
        rated: votes on rated texts
    """
    return bool(_folds(rated, FOLDS))


def choose(rated: RatedVotes, bootstrap: Bootstrap, *, with_nested: bool = True) -> Choice:
    """Choose the candidate with the best cross-validated macro F1.

    Args:
        rated: votes on rated texts
        bootstrap: settings of the intervals, over groups
        with_nested: whether the choice itself is scored, in folds within folds

    Raises:
        NotEnoughData: if a class is missing or occurs in a single group
    """
    names = candidates(rated.names)
    folds = _needed_folds(rated)
    held_out = _held_out(rated, names, folds)
    nested = nested_labels(rated, names, folds) if with_nested else None
    return Choice(
        _best(rated, held_out),
        [{"name": name, **_summary(rated, labels, bootstrap)} for name, labels in held_out.items()],
        None if nested is None else _summary(rated, nested, bootstrap),
        len(folds),
    )


def cross_validated(rated: RatedVotes, names: Sequence[str]) -> dict[str, Labels]:
    """Return each candidate's labels, of every text by a model that was not fitted to its group.

    Args:
        rated: votes on rated texts
        names: of the candidates

    Raises:
        NotEnoughData: if a class is missing or occurs in a single group
    """
    return _held_out(rated, names, _needed_folds(rated))


def _held_out(rated: RatedVotes, names: Sequence[str], folds: Sequence[Fold]) -> dict[str, Labels]:
    labels = {name: np.empty(rated.labels.size, dtype="U8") for name in names}
    for fold in folds:
        for name in names:
            labels[name][fold.test] = predicted(name, rated, fold)
    return labels


def stacked_probabilities(rated: RatedVotes) -> NDArray[np.float64]:
    """Return stacking's probabilities, of every text by a model that was not trained on its group, shape (n_texts, 3).

    Args:
        rated: votes on rated texts

    Raises:
        NotEnoughData: if a class is missing or occurs in a single group
    """
    likely = np.full((rated.labels.size, len(tables.SENTIMENTS)), np.nan)
    for fold in _needed_folds(rated):
        model = fitted(rated.rows(fold.train))
        likely[fold.test] = model.probabilities(rated.polarities[fold.test], rated.chances[fold.test])
    return likely


def nested_labels(rated: RatedVotes, names: Sequence[str], folds: Sequence[Fold] = ()) -> Labels | None:
    """Return labels by a choice that was made without the text's fold; None if folds within folds are impossible.

    Args:
        rated: votes on rated texts
        names: of the candidates
        folds: the outer ones; empty: those of `cross_validated`
    """
    labels = np.empty(rated.labels.size, dtype="U8")
    for fold in folds or _needed_folds(rated):
        others = rated.rows(fold.train)
        inner = _folds(others, _INNER)
        if not inner:
            return None
        chosen = _best(others, _held_out(others, names, inner))
        labels[fold.test] = predicted(chosen, rated, fold)
    return labels


def fitted(rated: RatedVotes) -> stacking.StackedModel:
    """Return a stacked model trained on all rows.

    Args:
        rated: votes on rated texts
    """
    return stacking.fit(rated.polarities, rated.chances, rated.labels, rated.names)


def predicted(name: str, rated: RatedVotes, fold: Fold) -> Labels:
    """Return a candidate's labels of a fold's test rows; a text without a label is neutral.

    Args:
        name: of the candidate
        rated: votes on rated texts
        fold: training and test rows
    """
    training = np.zeros(rated.labels.size, dtype=bool)
    training[fold.train] = True
    stacked = None
    if name == STACKING:
        stacked = fitted(rated.rows(fold.train)).probabilities(rated.polarities, rated.chances)
    votes = combine.Votes(rated.names, rated.polarities, stacked, training)
    labels = votes.combined(name, _EVERYTHING).labels[fold.test]
    return combine.or_neutral(labels)


def _needed_folds(rated: RatedVotes) -> tuple[Fold, ...]:
    folds = _folds(rated, FOLDS)
    if not folds:
        raise NotEnoughData(
            f"{rated.labels.size} rated texts: a combination is chosen or trained on texts of every sentiment, each in "
            "2 videos or articles or more"
        )
    return folds


def _folds(rated: RatedVotes, n_most: int) -> tuple[Fold, ...]:
    """Return folds by group whose training parts have every class; none if there are no such folds."""
    if set(tables.SENTIMENTS) - set(rated.labels.tolist()) or not rated.scored.any():
        return ()
    for n_folds in range(splits.possible_folds(rated.labels, rated.groups, n_most), 1, -1):
        folds = splits.group_k_fold(rated.labels, rated.groups, n_folds, _SEED)
        if all(np.unique(rated.labels[fold.train]).size == len(tables.SENTIMENTS) for fold in folds):
            return folds
    return ()


def _best(rated: RatedVotes, held_out: Mapping[str, Labels]) -> str:
    # rounded: equal predictions must tie on every machine, and the first wins
    return max(held_out, key=lambda name: round(_macro_f1(rated, held_out[name]), 9))


def _macro_f1(rated: RatedVotes, labels: Labels) -> float:
    counted = rated.scored
    groups = np.zeros(int(counted.sum()), dtype=str)
    matrix = scores.confusions(rated.labels[counted], labels[counted], groups, tables.SENTIMENTS).sum(axis=0)
    return float(scores.overall(matrix)["macro_f1"])


def _summary(rated: RatedVotes, labels: Labels, bootstrap: Bootstrap) -> dict[str, Any]:
    counted = rated.scored
    matrices = scores.confusions(rated.labels[counted], labels[counted], rated.groups[counted], tables.SENTIMENTS)
    summary = scores.summary(matrices, tables.SENTIMENTS, bootstrap)
    return {key: summary[key] for key in ("n", "accuracy", "macro_f1", "per_class")}
