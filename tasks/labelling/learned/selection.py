"""Choice of a head's settings by cross-validation over groups, and its nested evaluation.

Every text is a training row in each of its renderings (`tasks.labelling.learned.renderings`). Folds keep all rows of a
text, and all texts of a group, together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.core.errors import NotEnoughData
from tasks.evaluation import splits
from tasks.evaluation.splits import Fold, Labels
from tasks.labelling.learned import head
from tasks.labelling.learned.head import Head, Probabilities
from tasks.labelling.learned.text_inputs import Inputs

PENALTIES = (3.0, 1.0, 0.3, 0.1)
"""Descending: a fit starts from the one before it."""
_DEFAULT_PENALTY = 0.3
_OUTER, _INNER = 5, 3
Say = Callable[[str], None]


@dataclass(frozen=True)
class HeadRows:
    """Rows to train a head on.

    Args:
        inputs: of each rendering of the texts, each of shape (n_texts, n_inputs)
        labels: shape (n_texts,)
        groups: shape (n_texts,)
    """

    inputs: tuple[Inputs, ...]
    labels: Labels
    groups: Labels

    def at(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> HeadRows:
        """Return some of the texts.

        Args:
            rows: their numbers, or whether each is taken
        """
        return HeadRows(tuple(values[rows] for values in self.inputs), self.labels[rows], self.groups[rows])

    def fitted(self, penalties: tuple[float, ...]) -> list[Head]:
        """Return the heads that were fitted to all renderings of the texts.

        Args:
            penalties: descending
        """
        return head.fit(np.concatenate(self.inputs), np.tile(self.labels, len(self.inputs)), penalties)

    def probabilities(self, fitted: Head) -> tuple[Probabilities, ...]:
        """Return a head's probabilities of each rendering of the texts, each of shape (n_texts, 3).

        Args:
            fitted: the head
        """
        return tuple(head.softmax(fitted.logits(values)) for values in self.inputs)


@dataclass(frozen=True)
class ChosenHead:
    """A fitted head and the settings that cross-validation chose.

    Args:
        head: calibrated
        penalty: one of `PENALTIES`
        temperature: that the logits were divided by
    """

    head: Head
    penalty: float
    temperature: float


@dataclass(frozen=True)
class HeldOut:
    """Probabilities of texts whose groups were not used to train or choose anything.

    Args:
        renderings: probabilities of each rendering of the texts, each of shape (n_texts, 3)
        n_folds: number of outer folds
    """

    renderings: tuple[Probabilities, ...]
    n_folds: int


def chosen(rows: HeadRows, seed: int) -> ChosenHead:
    """Choose penalty and temperature by cross-validation over groups, and fit.

    Args:
        rows: of all classes; with too few groups for folds, nothing is chosen and nothing calibrated
        seed: of the folds
    """
    folds = _folds(rows.labels, rows.groups, _INNER, seed)
    if not folds:
        (fitted,) = rows.fitted((_DEFAULT_PENALTY,))
        return ChosenHead(fitted, _DEFAULT_PENALTY, 1.0)
    logits = np.empty((len(PENALTIES), len(rows.inputs), len(rows.labels), len(tables.SENTIMENTS)))
    for fold in folds:
        for number, fitted in enumerate(rows.at(fold.train).fitted(PENALTIES)):
            for rendering, values in enumerate(rows.inputs):
                logits[number, rendering, fold.test] = fitted.logits(values[fold.test])
    labels = np.tile(rows.labels, len(rows.inputs))
    by_penalty = logits.reshape(len(PENALTIES), labels.size, -1)
    best = int(np.argmin([head.log_loss(values, labels) for values in by_penalty]))
    temperature = head.best_temperature(by_penalty[best], labels)
    (fitted,) = rows.fitted((PENALTIES[best],))
    return ChosenHead(fitted.calibrated(temperature), PENALTIES[best], temperature)


class Trainer(Protocol):
    """Training of a voter on some of the texts, for texts that have no part in it."""

    def held_out(self, train: NDArray[np.int64], test: NDArray[np.int64]) -> tuple[Probabilities, ...]:
        """Return probabilities of each rendering of the test texts, each of shape (n_test, 3).

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

    def held_out(self, train: NDArray[np.int64], test: NDArray[np.int64]) -> tuple[Probabilities, ...]:
        """See `Trainer`."""
        return self.rows.at(test).probabilities(chosen(self.rows.at(train), self.seed).head)


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
    renderings: list[Probabilities] = []
    for number, fold in enumerate(folds, start=1):
        say(f"cross-validation: fold {number} of {len(folds)}")
        for rendering, values in enumerate(trainer.held_out(fold.train, fold.test)):
            if rendering == len(renderings):
                renderings.append(np.empty((len(labels), len(tables.SENTIMENTS))))
            renderings[rendering][fold.test] = values
    return HeldOut(tuple(renderings), len(folds))


def _folds(labels: Labels, groups: Labels, n_most: int, seed: int) -> tuple[Fold, ...]:
    """Return folds whose training parts have every class; none if the groups are too few."""
    n_folds = splits.possible_folds(labels, groups, n_most)
    if n_folds < 2:
        return ()
    folds = splits.group_k_fold(labels, groups, n_folds, seed)
    complete = all(np.unique(labels[fold.train]).size == len(tables.SENTIMENTS) for fold in folds)
    return folds if complete else ()
