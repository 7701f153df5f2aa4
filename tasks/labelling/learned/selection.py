"""Choice of a head's settings by cross-validation over groups, and its nested evaluation.

Every text is a training row twice, with and without its stop words: captions may have lost theirs, and a voter that was
trained on complete sentences fails on them. Folds keep both rows of a text, and all rows of a group, together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.core.errors import NotEnoughData
from tasks.evaluation import scores, splits
from tasks.evaluation.splits import Fold, Labels
from tasks.labelling.learned import head
from tasks.labelling.learned.head import Calibration, Head, Probabilities
from tasks.labelling.learned.text_inputs import Inputs

PENALTIES = (3.0, 1.0, 0.3, 0.1)
"""Descending: a fit starts from the one before it."""
_DEFAULT_PENALTY = 0.3
_OUTER, _INNER = 5, 3
_LEAST_GAIN = 0.005
"""Classes are weighed alike only if that raises macro F1 by this much: probabilities are less calibrated then."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class HeadRows:
    """Rows to train a head on.

    Args:
        plain: inputs of the texts, shape (n_texts, n_inputs)
        bare: inputs of the texts without their stop words, same shape
        labels: shape (n_texts,)
        groups: shape (n_texts,)
    """

    plain: Inputs
    bare: Inputs
    labels: Labels
    groups: Labels

    def at(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> HeadRows:
        """Return some of the texts.

        Args:
            rows: their numbers, or whether each is taken
        """
        return HeadRows(self.plain[rows], self.bare[rows], self.labels[rows], self.groups[rows])

    def fitted(self, penalties: tuple[float, ...]) -> list[Head]:
        """Return the heads that were fitted to both rows of every text.

        Args:
            penalties: descending
        """
        return head.fit(np.concatenate([self.plain, self.bare]), np.concatenate([self.labels, self.labels]), penalties)


@dataclass(frozen=True)
class ChosenHead:
    """A fitted head and the settings that cross-validation chose.

    Args:
        head: calibrated
        penalty: one of `PENALTIES`
        calibration: that is part of the head
    """

    head: Head
    penalty: float
    calibration: Calibration

    @property
    def weighs_alike(self) -> bool:
        """Whether classes are weighed alike."""
        return any(self.calibration.offsets)


@dataclass(frozen=True)
class HeldOut:
    """Probabilities of texts whose groups were not used to train or choose anything.

    Args:
        plain: of the texts, shape (n_texts, 3)
        bare: of the texts without their stop words, shape (n_texts, 3)
        n_folds: number of outer folds
    """

    plain: Probabilities
    bare: Probabilities
    n_folds: int


def chosen(rows: HeadRows, seed: int) -> ChosenHead:
    """Choose penalty, temperature and weights of the classes by cross-validation over groups, and fit.

    Args:
        rows: of all classes; with too few groups for folds, nothing is chosen and nothing calibrated
        seed: of the folds
    """
    folds = _folds(rows.labels, rows.groups, _INNER, seed)
    if not folds:
        (fitted,) = rows.fitted((_DEFAULT_PENALTY,))
        return ChosenHead(fitted, _DEFAULT_PENALTY, Calibration(1.0, (0.0, 0.0, 0.0)))
    logits = np.empty((len(PENALTIES), 2, len(rows.labels), len(tables.SENTIMENTS)))
    for fold in folds:
        for number, fitted in enumerate(rows.at(fold.train).fitted(PENALTIES)):
            logits[number, 0, fold.test] = fitted.logits(rows.plain[fold.test])
            logits[number, 1, fold.test] = fitted.logits(rows.bare[fold.test])
    twice = np.concatenate([rows.labels, rows.labels])
    pairs = logits.reshape(len(PENALTIES), 2 * len(rows.labels), -1)
    best = int(np.argmin([head.log_loss(values, twice) for values in pairs]))
    calibration = _calibration(pairs[best], twice)
    (fitted,) = rows.fitted((PENALTIES[best],))
    return ChosenHead(fitted.calibrated(calibration), PENALTIES[best], calibration)


class Trainer(Protocol):
    """Training of a voter on some of the texts, for texts that have no part in it."""

    def held_out(self, train: NDArray[np.int64], test: NDArray[np.int64]) -> tuple[Probabilities, Probabilities]:
        """Return probabilities of the test texts, with and without their stop words, each of shape (n_test, 3).

        Args:
            train: numbers of the texts to train on
            test: numbers of other texts
        """


@dataclass(frozen=True)
class FrozenTrainer:
    """Training of a head on the vectors of a frozen encoder; settings are chosen in folds within the training part.

    Args:
        rows: of all texts
        seed: of the folds
    """

    rows: HeadRows
    seed: int

    def held_out(self, train: NDArray[np.int64], test: NDArray[np.int64]) -> tuple[Probabilities, Probabilities]:
        """See `Trainer`."""
        best = chosen(self.rows.at(train), self.seed).head
        return probabilities_of(best, self.rows.at(test))


def probabilities_of(fitted: Head, rows: HeadRows) -> tuple[Probabilities, Probabilities]:
    """Return a head's probabilities of texts, with and without their stop words.

    Args:
        fitted: the head
        rows: inputs of the texts
    """
    return head.softmax(fitted.logits(rows.plain)), head.softmax(fitted.logits(rows.bare))


def held_out(trainer: Trainer, labels: Labels, groups: Labels, seed: int, say: Say) -> HeldOut:
    """Return the probabilities of cross-validation over groups.

    Args:
        trainer: of the voter
        labels: shape (n_texts,)
        groups: shape (n_texts,)
        seed: of the folds
        say: called with a line of progress

    Raises:
        NotEnoughData: if a class occurs in too few groups
    """
    folds = _folds(labels, groups, _OUTER, seed)
    if not folds:
        counts = {label: int(np.unique(groups[labels == label]).size) for label in tables.SENTIMENTS}
        raise NotEnoughData(f"folds need every class in 2 groups or more; found {counts} groups; label more groups")
    plain, bare = (np.empty((len(labels), len(tables.SENTIMENTS))) for _ in range(2))
    for number, fold in enumerate(folds, start=1):
        say(f"cross-validation: fold {number} of {len(folds)}")
        plain[fold.test], bare[fold.test] = trainer.held_out(fold.train, fold.test)
    return HeldOut(plain, bare, len(folds))


def _folds(labels: Labels, groups: Labels, n_most: int, seed: int) -> tuple[Fold, ...]:
    """Return folds whose training parts have every class; none if the groups are too few."""
    n_folds = splits.possible_folds(labels, groups, n_most)
    if n_folds < 2:
        return ()
    folds = splits.group_k_fold(labels, groups, n_folds, seed)
    complete = all(np.unique(labels[fold.train]).size == len(tables.SENTIMENTS) for fold in folds)
    return folds if complete else ()


def _calibration(logits: NDArray[np.float64], labels: Labels) -> Calibration:
    temperature = head.best_temperature(logits, labels)
    as_they_occur = Calibration(temperature, (0.0, 0.0, 0.0))
    shares = np.bincount(head.codes(labels), minlength=len(tables.SENTIMENTS)) / len(labels)
    alike = Calibration(temperature, tuple(np.log(shares).tolist()))
    gain = _macro_f1(alike.applied(logits), labels) - _macro_f1(as_they_occur.applied(logits), labels)
    return alike if gain >= _LEAST_GAIN else as_they_occur


def _macro_f1(probabilities: Probabilities, labels: Labels) -> float:
    predicted = np.array(tables.SENTIMENTS)[probabilities.argmax(axis=1)]
    matrices = scores.confusions(labels, predicted, np.zeros(len(labels), dtype=str), tables.SENTIMENTS)
    return float(scores.overall(matrices.sum(axis=0)[None])["macro_f1"][0])
