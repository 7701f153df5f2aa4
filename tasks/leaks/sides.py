"""Both sides of every fold, and how rows on one side are counted that have something on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.leaks.finding import MOST_EXAMPLES, Finding, Severity

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]
Pairs = NDArray[np.int64]
"""Row numbers of two rows that share something, shape (n_pairs, 2)."""


class FoldRows(Protocol):
    """One fold: row numbers of its training, development and test part."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def train(self) -> Rows:
        """Rows learned from."""

    @property
    def test(self) -> Rows:
        """Rows scored."""

    @property
    def development(self) -> Rows:
        """Rows used to choose."""


@dataclass(frozen=True)
class Sides:
    """The folds of a protocol over rows with ids, shape (n_rows,)."""

    ids: NDArray[np.str_]
    splits: Sequence[FoldRows]

    @property
    def n_tested(self) -> int:
        """How many test rows there are in all folds."""
        return sum(split.test.size for split in self.splits)

    def sharing(self, codes: Rows) -> list[Rows]:
        """Return each fold's test rows whose code is in its training part; a code below 0 is none."""
        found = []
        for split in self.splits:
            there = np.zeros(codes.max(initial=-1) + 2, dtype=bool)
            there[codes[split.train]] = True
            there[-1] = False
            found.append(split.test[there[codes[split.test]]])
        return found

    def crossing(self, pairs: Pairs) -> list[Rows]:
        """Return each fold's test rows that a pair ties to a row of its training part, sorted."""
        found = []
        for split in self.splits:
            train, test = np.zeros(self.ids.size, dtype=bool), np.zeros(self.ids.size, dtype=bool)
            train[split.train], test[split.test] = True, True
            one = pairs[test[pairs[:, 0]] & train[pairs[:, 1]], 0]
            other = pairs[test[pairs[:, 1]] & train[pairs[:, 0]], 1]
            found.append(np.unique(np.concatenate([one, other])))
        return found

    def finding(self, check: str, severity: Severity, concerned: Sequence[Rows], what: str) -> Finding:
        """Return a finding on test rows, fold by fold; `what` ends the sentence that begins with their share."""
        n = sum(rows.size for rows in concerned)
        rows = np.unique(np.concatenate(concerned)) if concerned else np.empty(0, dtype=np.int64)
        examples = tuple(self.ids[rows[:MOST_EXAMPLES]].tolist())
        share = f"{n / self.n_tested:.1%}" if self.n_tested else "none"
        return Finding(check, severity, n, self.n_tested, f"{share} of the test utterances {what}", examples)


def codes(values: Sequence[str | None]) -> Rows:
    """Return a number for every distinct value, -1 for None and "", shape (n_rows,)."""
    text = np.array([value or "" for value in values], dtype=object)
    names, found = np.unique(text.astype(str), return_inverse=True)
    found = found.astype(np.int64).reshape(-1)
    if names.size and names[0] == "":
        found -= 1
    return found
