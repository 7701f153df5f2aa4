"""Evaluation protocols as splitters: `ut.protocols.splitter("speaker-out(5)")`, for `cross_val_score` and the like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tasks.core.errors import InputError
from tasks.evaluation import protocols

Rows = NDArray[np.int64]


class ProtocolSplitter:
    """The folds of a protocol, with the interface of scikit-learn's splitters.

    Folds depend on ids, units, labels and seed only, not on the order of the rows, the machine or library versions.

    Args:
        protocol: such as `speaker-out(5)`; see `forms`
        seed: of the assignment to folds

    Raises:
        ConfigError: if there is no such protocol

    Example:
        >>> speakers = ["a", "a", "b", "b", "c", "c"]
        >>> labels = ["sad", "happy"] * 3
        >>> for train, test in ProtocolSplitter("leave-one-speaker-out").split(speakers, labels, speakers):
        ...     print(train, test)
        [2 3 4 5] [0 1]
        [0 1 4 5] [2 3]
        [0 1 2 3] [4 5]
    """

    def __init__(self, protocol: str, seed: int = 1) -> None:
        self.protocol = protocol
        self.seed = seed
        self._rule = protocols.parse(protocol)

    def __repr__(self) -> str:
        return f"ProtocolSplitter({self._rule.name!r}, seed={self.seed})"

    @property
    def unit(self) -> tuple[str, ...]:
        """Columns whose values are never on both sides of a split."""
        return self._rule.unit

    @property
    def leaky(self) -> bool:
        """Whether nothing is kept apart; such scores only serve to reproduce published ones."""
        return self._rule.leaky

    @property
    def description(self) -> str:
        """The protocol as a sentence for a report."""
        return self._rule.in_words()

    def split(self, X: Any, y: ArrayLike, groups: Any = None) -> Iterator[tuple[Rows, Rows]]:
        """Yield the positions of the training and the test rows of every fold.

        Args:
            X: rows; only their number counts, and their columns if `groups` is not given
            y: class of every row, shape (n_rows,): folds are stratified by class as far as the units allow
            groups: the unit of every row, shape (n_rows,), such as the speaker; or a data frame or mapping with the
                columns of the utterance table that the protocol needs (`speaker`, `group`, `script`, `split`, `corpus`)

        Raises:
            InputError: if the units are missing, or their number is not that of the rows
            NotEnoughData: if the rows have too few units; the message lists protocols that are possible
        """
        labels = np.asarray(y).astype(str)
        for fold in self._rule.folds(self._columns(X, groups, labels.size), labels, self.seed):
            yield fold.train, fold.test

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds.

        Args:
            X: as in `split`
            y: as in `split`
            groups: as in `split`
        """
        return sum(1 for _ in self.split(X, y, groups))

    def _columns(self, X: Any, groups: Any, n_rows: int) -> protocols.Columns:
        given: Any = {}
        ids = X.index if isinstance(X, pd.DataFrame) else None
        if isinstance(groups, (pd.DataFrame, Mapping)):
            given, ids = groups, getattr(groups, "index", ids)
        elif groups is not None:
            if len(self._rule.needed) > 1:
                needed = " and ".join(self._rule.needed)
                raise InputError(f"{self._rule.name} needs {needed}: pass a data frame with these columns as groups")
            given = dict.fromkeys(self._rule.needed, groups)
        elif isinstance(X, pd.DataFrame):
            given = X
        if missing := [name for name in self._rule.needed if name not in given]:
            raise InputError(
                f"{self._rule.name} needs the {' and '.join(missing)} of every row; pass groups=, an array or a data "
                "frame with this column"
            )
        columns = {name: _texts(given[name]) if name in given else np.full(n_rows, "") for name in protocols.NEEDED}
        if not columns["utterance_id"].astype(bool).all():
            columns["utterance_id"] = np.arange(n_rows).astype(str) if ids is None else _texts(ids)
        for name, values in columns.items():
            if values.size != n_rows:
                raise InputError(f"{name}: found {values.size} values, expected one for each of {n_rows} rows")
        return columns


def splitter(protocol: str, *, seed: int = 1) -> ProtocolSplitter:
    """Return the splitter of a protocol.

    Args:
        protocol: such as `speaker-out(5)`, `leave-one-speaker-out`, `official`, `random(5)`; see `forms`
        seed: of the assignment to folds

    Raises:
        ConfigError: if there is no such protocol; the message lists those that exist

    Example:
        >>> splitter("random(5)").leaky
        True
    """
    return ProtocolSplitter(protocol, seed)


def forms() -> tuple[str, ...]:
    """Return the protocols, as they are written.

    Example:
        >>> forms()[:2]
        ('official', 'speaker-out(k)')
    """
    return tuple(protocols.FORMS.values())


def _texts(values: Any) -> NDArray[np.str_]:
    return np.array(["" if pd.isna(value) else str(value) for value in values], dtype=str)
