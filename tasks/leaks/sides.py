"""Training and test side of every fold, and the test rows that share something with the training side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.leaks.finding import MOST_EXAMPLES, MOST_PAIRS, Finding, Severity

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


class Matches(NamedTuple):
    """Row numbers of a fold's test rows, and of the training row that each is related to, shape (n_matches,) each."""

    test: Rows
    train: Rows


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

    def sharing(self, codes: Rows) -> list[Matches]:
        """Return each fold's test rows whose code occurs in its training part, with the first such training row.

        Args:
            codes: number of every row's value, -1 for none, shape (n_rows,)
        """
        shared = []
        for split in self.splits:
            # the code -1 addresses the last element, which is reset below
            first = np.full(codes.max(initial=-1) + 2, -1, dtype=np.int64)
            # reversed: of several rows with a code, the first is assigned last and stays
            first[codes[split.train][::-1]] = split.train[::-1]
            first[-1] = -1
            partner = first[codes[split.test]]
            shared.append(Matches(split.test[partner >= 0], partner[partner >= 0]))
        return shared

    def crossing(self, pairs: Pairs) -> list[Matches]:
        """Return each fold's test rows that are paired with a training row, sorted, with the first such training row.

        Args:
            pairs: related rows, shape (n_pairs, 2)
        """
        crossing = []
        both_ways = np.concatenate([pairs, pairs[:, ::-1]])
        for split in self.splits:
            train, test = np.zeros(self.ids.size, dtype=bool), np.zeros(self.ids.size, dtype=bool)
            train[split.train], test[split.test] = True, True
            across = both_ways[test[both_ways[:, 0]] & train[both_ways[:, 1]]]
            in_order = across[np.lexsort((across[:, 1], across[:, 0]))]
            rows, first = np.unique(in_order[:, 0], return_index=True)
            crossing.append(Matches(rows, in_order[first, 1]))
        return crossing

    def pair_finding(self, check: str, severity: Severity, matches: Sequence[Matches], what: str) -> Finding:
        """Return a finding about pairs of a test and a training row; it names both.

        Args:
            check: a key of `CHECKS`
            severity: of the finding
            matches: of every fold
            what: end of a sentence that begins with "x% of the test utterances"
        """
        finding = self.finding(check, severity, [fold.test for fold in matches], what)
        rows = np.concatenate([np.stack(fold, axis=1) for fold in matches] or [np.empty((0, 2), dtype=np.int64)])
        # over several folds, a pair may occur in both directions: it is named once
        across = dict[frozenset[int], tuple[str, str]]()
        for test, train in np.unique(rows, axis=0).tolist():
            across.setdefault(frozenset((test, train)), (str(self.ids[test]), str(self.ids[train])))
        named = tuple(across.values())
        examples = tuple(f"{test} and {train}" for test, train in named[:MOST_EXAMPLES])
        return replace(finding, examples=examples, pairs=named[:MOST_PAIRS])

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
    """Return a number for every distinct value, in sorted order, -1 for None and "", shape (n_rows,).

    Args:
        values: a column, shape (n_rows,)
    """
    # not `np.unique`: an array of text takes the length of the longest for each row
    number = {value: k for k, value in enumerate(sorted({value for value in values if value}))}
    return np.array([number[value] if value else -1 for value in values], dtype=np.int64)
