"""Evaluation protocols by name: how rows are split into folds, how folds are averaged, and a description for reports.

Folds depend only on ids, units, labels and the seed, not on the order of the rows, the machine or library versions.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import ConfigError, NotEnoughData, guess
from tasks.evaluation.splits import Labels

Columns = Mapping[str, Labels]
"""The columns of `NEEDED`, each of shape (n_rows,), with "" for missing values."""
NEEDED = ("utterance_id", "corpus", "speaker", "group", "script", "split")
Rows = NDArray[np.int64]
Averaging = Literal["per fold", "pooled"]

FORMS = {
    "official": "official",
    "speaker-out": "speaker-out(k)",
    "leave-one-speaker-out": "leave-one-speaker-out",
    "session-out": "session-out",
    "leave-one-group-out": "leave-one-group-out",
    "script-out": "script-out(k)",
    "speaker-and-script-out": "speaker-and-script-out(k)",
    "group-k-fold": "group-k-fold(k)",
    "corpus-out": "corpus-out",
    "corpus-pairs": "corpus-pairs",
    "fixed": "fixed(speaker, …)",
    "random": "random(k)",
}
"""Protocols, and their form in params.yaml."""
_UNITS: Mapping[str, tuple[str, ...]] = {
    "official": ("group",),
    "speaker-out": ("speaker",),
    "leave-one-speaker-out": ("speaker",),
    "session-out": ("group",),
    "leave-one-group-out": ("group",),
    "script-out": ("script",),
    "speaker-and-script-out": ("speaker", "script"),
    "group-k-fold": ("group",),
    "corpus-out": ("corpus",),
    "corpus-pairs": ("corpus",),
    "fixed": ("speaker",),
    "random": (),
}
_WITH_K = frozenset(name for name, form in FORMS.items() if form.endswith("(k)"))
_LEFT_OUT = {
    "session-out": "session",
    "leave-one-speaker-out": "speaker",
    "leave-one-group-out": "group",
    "corpus-out": "corpus",
}
"""Protocols of one fold a unit, and the name of that unit."""
_PER_FOLD = frozenset({"session-out", "leave-one-speaker-out", "corpus-out", "corpus-pairs"})
_PLURALS = {
    "corpus": "corpora",
    "speaker": "speakers",
    "group": "groups (videos, dialogues, sessions)",
    "script": "scripts",
}
PAIR = " → "
"""Separates the training and the test corpus in the fold names of `corpus-pairs`."""
_DEVELOPMENT_FOLDS = 8
_TRAIN, _DEVELOPMENT, TEST = ("train",), ("dev", "valid", "validation"), ("test",)
"""Names of the parts of an official split."""


@dataclass(frozen=True)
class Split:
    """Row numbers of one fold, sorted, shapes (n_train,), (n_test,) and (n_development,)."""

    name: str
    train: Rows
    test: Rows
    development: Rows = field(default_factory=lambda: np.empty(0, dtype=np.int64))


@dataclass(frozen=True)
class Protocol:
    """A protocol, from `parse`.

    Args:
        kind: a key of `FORMS`
        k: number of folds, 0 for protocols without that choice
        speakers: test speakers, for `fixed`
    """

    kind: str
    k: int = 0
    speakers: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The protocol in its params.yaml form."""
        if self.speakers:
            return f"{self.kind}({', '.join(self.speakers)})"
        return f"{self.kind}({self.k})" if self.k else self.kind

    @property
    def unit(self) -> tuple[str, ...]:
        """Columns whose values are never on both sides of a split."""
        return _UNITS[self.kind]

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns that every row must have."""
        return ("split",) if self.kind == "official" else self.unit

    @property
    def inner_unit(self) -> str:
        """The column whose values stay together in splits of a training part; "" for none.

        The first of two units; speakers if corpora are kept apart, since a training part may have a single corpus.
        """
        if self.kind in ("corpus-out", "corpus-pairs"):
            return "speaker"
        return self.unit[0] if self.unit else ""

    @property
    def leaky(self) -> bool:
        """Whether nothing is kept apart; such a protocol exists only to reproduce published scores."""
        return self.kind == "random"

    @property
    def averaging(self) -> Averaging:
        """Whether the result is the mean of the folds' scores, or one score over all test rows."""
        return "per fold" if self.kind in _PER_FOLD else "pooled"

    def in_words(self) -> str:
        """Return the protocol as a sentence for a report."""
        score = "the mean of the folds' scores" if self.averaging == "per fold" else "one score of all test rows"
        stratified = "stratified by class as far as they allow"
        sentences = {
            "official": "The corpus's own split into training, development and test part; no group (video, dialogue, "
            "session) is in two of them.",
            "speaker-out": f"{self.k} folds; no speaker is in both parts of one; {stratified}; {score}.",
            "leave-one-speaker-out": f"One fold a speaker, who is in its test part alone; {score}.",
            "session-out": f"One fold a session, which is in its test part alone, with its speakers; {score}.",
            "leave-one-group-out": f"One fold a group (video, dialogue, session), which is in its test part alone; "
            f"{score}.",
            "script-out": f"{self.k} folds; no script is in both parts of one; {stratified}; speakers are; {score}.",
            "speaker-and-script-out": f"{self.k} × {self.k} folds; a test row's speaker and script are both unknown in "
            f"training; rows that share one of them with the test part are left out of the fold; {score}.",
            "group-k-fold": f"{self.k} folds; no group (video, dialogue, session) is in both parts of one; "
            f"{stratified}; {score}.",
            "corpus-out": f"One fold a corpus, which is in its test part alone: learned from the others; {score}.",
            "corpus-pairs": f"One fold for every two corpora: learned from one, tested on the other; {score}.",
            "fixed": f"Tested on the speakers {', '.join(self.speakers)}, trained on all others; {score}.",
            "random": f"LEAKY: {self.k} random folds, stratified by class; the same speakers, groups and scripts are "
            f"in both parts; {score}. Only there to compare with figures that were made so.",
        }
        return sentences[self.kind]

    def folds(self, columns: Columns, labels: Labels, seed: int) -> tuple[Split, ...]:
        """Split rows into folds.

        Args:
            columns: ids and units of the rows
            labels: class of every row, shape (n_rows,)
            seed: of the assignment to folds

        Raises:
            NotEnoughData: if the rows lack the protocol's unit or have too few of its values
        """
        self.demand(columns)
        if self.kind == "official":
            return (_official(columns["split"]),)
        if self.kind == "fixed":
            return (self._fixed(columns["speaker"]),)
        if self.kind == "random":
            fold = _stratified(columns["utterance_id"], labels, self.k, seed)
            return _by_number(fold, self.k)
        if self.kind == "corpus-pairs":
            return _pairs(columns["corpus"])
        if self.kind in _LEFT_OUT:
            return _leave_one_out(columns[self.unit[0]], _LEFT_OUT[self.kind])
        numbers = [_stratified(columns[unit], labels, self.k, seed) for unit in self.unit]
        return _by_number(numbers[0], self.k) if len(numbers) == 1 else _crossed(numbers[0], numbers[1], self.k)

    def demand(self, columns: Columns) -> None:
        """Check that the rows have what the protocol needs.

        Args:
            columns: ids and units of the rows

        Raises:
            NotEnoughData: if they do not; lists the protocols that are possible
        """
        for column in self.needed:
            without = int((columns[column] == "").sum())
            if without:
                raise NotEnoughData(
                    f"{self.name} needs the {column} of every utterance, and {without:,} of {columns[column].size:,} "
                    f"have none; {_possible(columns)}"
                )
            n_values, n_needed = np.unique(columns[column]).size, max(self.k, 2)
            if column != "split" and self.kind != "fixed" and n_values < n_needed:
                raise NotEnoughData(
                    f"{self.name} needs {n_needed} {_PLURALS[column]} or more, and there "
                    f"{'is' if n_values == 1 else 'are'} {n_values}; {_possible(columns)}"
                )

    def _fixed(self, speaker: Labels) -> Split:
        full_names = {name.rpartition("/")[2]: name for name in np.unique(speaker).tolist()}
        if unknown := [name for name in self.speakers if name not in full_names and name not in full_names.values()]:
            raise NotEnoughData(
                f"{self.name}: there is no speaker {', '.join(unknown)}; there are {', '.join(sorted(full_names))}"
            )
        test = np.isin(speaker, [full_names.get(name, name) for name in self.speakers])
        return Split("fixed speakers", np.flatnonzero(~test), np.flatnonzero(test))


def parse(text: str) -> Protocol:
    """Parse a protocol.

    Args:
        text: its form in params.yaml, such as `speaker-out(6)` or `fixed(23, 24)`

    Raises:
        ConfigError: if there is no such protocol; lists those that exist
    """
    match = re.fullmatch(r"\s*([a-z-]+)\s*(?:\(([^()]*)\))?\s*", text)
    kind, inside = (match[1], match[2]) if match else ("", None)
    if kind not in FORMS:
        meant = guess(kind or text, FORMS, FORMS)
        raise ConfigError(f"there is no protocol {text!r}; {meant}There are {', '.join(FORMS.values())}")
    if kind == "fixed":
        speakers = tuple(name.strip() for name in (inside or "").split(",") if name.strip())
        if not speakers:
            raise ConfigError(f"protocol {text!r}: name the speakers to test on, as in fixed(23, 24)")
        return Protocol(kind, speakers=speakers)
    if kind not in _WITH_K:
        if inside is not None:
            raise ConfigError(f"protocol {text!r}: {kind} takes nothing in brackets")
        return Protocol(kind)
    if inside is None or not re.fullmatch(r"\s*\d+\s*", inside) or int(inside) < 2:
        raise ConfigError(f"protocol {text!r}: {kind} needs a number of folds, 2 or more, as in {kind}(5)")
    return Protocol(kind, k=int(inside))


def with_development(split: Split, protocol: Protocol, columns: Columns, labels: Labels, seed: int) -> Split:
    """Move about one in eight training rows to the development part, keeping the protocol's unit together.

    An official development part is kept. If the training part has a single unit (one of TESS's two speakers), scripts
    are kept together instead, else groups, else only rows.

    Args:
        split: one of the protocol's folds
        protocol: its `inner_unit` is kept together
        columns: ids and units of all rows
        labels: class of every row, shape (n_rows,)
        seed: of the choice of rows

    Raises:
        NotEnoughData: if the training part has a single row
    """
    if split.development.size:
        return split
    candidates = (protocol.inner_unit or "utterance_id", "script", "group", "utterance_id")
    units = (columns[name][split.train] for name in candidates)
    unit = next((values for values in units if np.unique(values).size > 1), None)
    if unit is None:
        raise NotEnoughData(
            f"{split.name} of {protocol.name}: found a single training row, expected at least one more for development"
        )
    n_folds = min(_DEVELOPMENT_FOLDS, np.unique(unit).size)
    inside = _stratified(unit, labels[split.train], n_folds, seed) == 0
    return Split(split.name, split.train[~inside], split.test, split.train[inside])


def _official(split: Labels) -> Split:
    train, development, test = (np.flatnonzero(np.isin(split, names)) for names in (_TRAIN, _DEVELOPMENT, TEST))
    if not train.size or not test.size:
        raise NotEnoughData(f"official needs a training and a test part; found the parts {', '.join(np.unique(split))}")
    return Split("official", train, test, development)


def _leave_one_out(unit: Labels, what: str) -> tuple[Split, ...]:
    return tuple(
        Split(f"{what} {value.rpartition('/')[2]}", np.flatnonzero(unit != value), np.flatnonzero(unit == value))
        for value in np.unique(unit).tolist()
    )


def _pairs(corpus: Labels) -> tuple[Split, ...]:
    """Return a fold for every ordered pair of corpora."""
    names = np.unique(corpus).tolist()
    return tuple(
        Split(f"{a}{PAIR}{b}", np.flatnonzero(corpus == a), np.flatnonzero(corpus == b))
        for a in names
        for b in names
        if a != b
    )


def _by_number(fold: Rows, k: int) -> tuple[Split, ...]:
    return tuple(
        Split(f"fold {number + 1} of {k}", np.flatnonzero(fold != number), np.flatnonzero(fold == number))
        for number in range(k)
    )


def _crossed(first: Rows, second: Rows, k: int) -> tuple[Split, ...]:
    """Return a fold for each pair of values that has test and training rows; rows that share one value are left out."""
    splits = []
    for a in range(k):
        for b in range(k):
            test = np.flatnonzero((first == a) & (second == b))
            train = np.flatnonzero((first != a) & (second != b))
            if test.size and train.size:
                splits.append(Split(f"fold {a + 1}.{b + 1} of {k} × {k}", train, test))
    return tuple(splits)


def _stratified(unit: Labels, labels: Labels, k: int, seed: int) -> Rows:
    """Return the fold of every row, shape (n_rows,), with whole units and class shares as equal as possible.

    Greedy, as scikit-learn's StratifiedGroupKFold: units with the most uneven classes first, each to the fold where
    the class shares then vary least. A hash of seed and unit breaks ties, so that the order of rows has no effect.
    """
    names, unit_of_row = np.unique(unit, return_inverse=True)
    classes, class_of_row = np.unique(labels, return_inverse=True)
    counts = np.zeros((names.size, classes.size))
    np.add.at(counts, (unit_of_row, class_of_row), 1.0)
    chance = [hashlib.sha256(f"{seed}\0{name}".encode()).digest() for name in names.tolist()]
    order = sorted(range(names.size), key=lambda i: (-round(float(counts[i].std()), 9), chance[i]))
    shares, taken, fold = counts / counts.sum(axis=0), np.zeros((k, classes.size)), np.zeros(names.size, dtype=np.int64)
    sizes = np.zeros(k)
    for number in order:
        fold[number] = best = _best_fold(taken, sizes, shares[number])
        taken[best] += shares[number]
        sizes[best] += counts[number].sum()
    return fold[unit_of_row]


def _best_fold(taken: NDArray[np.float64], sizes: NDArray[np.float64], more: NDArray[np.float64]) -> int:
    # (taken + more)² − taken²: the increase of the sum of squares; terms common to all folds are left out
    gain = ((2 * taken + more) * more).sum(axis=1)
    candidates = np.flatnonzero(np.isclose(gain, gain.min(), rtol=0, atol=1e-12))
    return int(candidates[np.argmin(sizes[candidates])])


def _possible(columns: Columns) -> str:
    possible: list[str] = ["random(k), which is leaky"]
    for name, unit in _UNITS.items():
        column = "split" if name == "official" else unit[0] if len(unit) == 1 else ""
        if column and not (columns[column] == "").any() and np.unique(columns[column]).size > 1:
            possible.insert(-1, FORMS[name])
    return f"possible here: {', '.join(possible)}"


def columns_of(table: Mapping[str, Sequence[str | None]]) -> Columns:
    """Return the columns of `NEEDED` as arrays, with "" for None.

    Args:
        table: column name to values, each of length n_rows
    """
    return {name: np.array([value or "" for value in table[name]], dtype=str) for name in NEEDED}
