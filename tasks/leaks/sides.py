"""Training and test side of every fold, and the test rows that share something with the training side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.leaks.finding import MOST_EXAMPLES, Finding, Severity

Rows = NDArray[np.int64]
Pairs = NDArray[np.int64]
"""Row numbers of related rows, shape (n_pairs, 2)."""


class FoldRows(Protocol):
    """Row numbers of a fold's training, development and test part (`tasks.evaluation.protocols.Split`)."""

    @property
    def name(self) -> str:
        """The fold's name."""

    @property
    def train(self) -> Rows:
        """Training rows, shape (n_train,)."""

    @property
    def test(self) -> Rows:
        """Test rows, shape (n_test,)."""

    @property
    def development(self) -> Rows:
        """Development rows, shape (n_development,)."""


@dataclass(frozen=True)
class Sides:
    """The folds of a protocol.

    Args:
        ids: utterance ids, shape (n_rows,)
        splits: the folds
    """

    ids: NDArray[np.str_]
    splits: Sequence[FoldRows]

    @property
    def n_tested(self) -> int:
        """Number of test rows, over all folds."""
        return sum(split.test.size for split in self.splits)

    def sharing(self, codes: Rows) -> list[Rows]:
        """Return each fold's test rows whose code occurs in its training part.

        Args:
            codes: number of every row's value, -1 for none, shape (n_rows,)
        """
        shared = []
        for split in self.splits:
            # the code -1 addresses the last element, which is reset to False below
            in_training = np.zeros(codes.max(initial=-1) + 2, dtype=bool)
            in_training[codes[split.train]] = True
            in_training[-1] = False
            shared.append(split.test[in_training[codes[split.test]]])
        return shared

    def crossing(self, pairs: Pairs) -> list[Rows]:
        """Return each fold's test rows that are paired with a training row, sorted.

        Args:
            pairs: related rows, shape (n_pairs, 2)
        """
        crossing = []
        for split in self.splits:
            train, test = np.zeros(self.ids.size, dtype=bool), np.zeros(self.ids.size, dtype=bool)
            train[split.train], test[split.test] = True, True
            first = pairs[test[pairs[:, 0]] & train[pairs[:, 1]], 0]
            second = pairs[test[pairs[:, 1]] & train[pairs[:, 0]], 1]
            crossing.append(np.unique(np.concatenate([first, second])))
        return crossing

    def finding(self, check: str, severity: Severity, concerned: Sequence[Rows], what: str) -> Finding:
        """Return a finding about test rows.

        Args:
            check: a key of `CHECKS`
            severity: of the finding
            concerned: row numbers, per fold
            what: end of a sentence that begins with "x% of the test utterances"
        """
        n = sum(rows.size for rows in concerned)
        rows = np.unique(np.concatenate(concerned)) if concerned else np.empty(0, dtype=np.int64)
        examples = tuple(self.ids[rows[:MOST_EXAMPLES]].tolist())
        share = f"{n / self.n_tested:.1%}" if self.n_tested else "none"
        return Finding(check, severity, n, self.n_tested, f"{share} of the test utterances {what}", examples)


def codes(values: Sequence[str | None]) -> Rows:
    """Return a number for every distinct value, -1 for None and "", shape (n_rows,).

    Args:
        values: a column, shape (n_rows,)
    """
    text = np.array([value or "" for value in values], dtype=object)
    names, numbers = np.unique(text.astype(str), return_inverse=True)
    numbers = numbers.astype(np.int64).reshape(-1)
    # np.unique sorts: "" has the number 0
    if names.size and names[0] == "":
        numbers -= 1
    return numbers
