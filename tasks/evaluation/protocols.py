"""Protocols by name: who is kept apart from whom, how folds are cut, how they are averaged, and all that in words.

Folds depend on ids, units, labels and the seed alone: not on the order of the rows, the machine or a library's version.
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
"""The columns of `NEEDED`, of every row, shapes (n_rows,); "" where there is none."""
NEEDED = ("utterance_id", "corpus", "speaker", "group", "script", "split")
Rows = NDArray[np.int64]
Averaging = Literal["per fold", "pooled"]

FORMS = {
    "official": "official",
    "speaker-out": "speaker-out(k)",
    "leave-one-speaker-out": "leave-one-speaker-out",
    "session-out": "session-out",
    "script-out": "script-out(k)",
    "speaker-and-script-out": "speaker-and-script-out(k)",
    "group-k-fold": "group-k-fold(k)",
    "corpus-out": "corpus-out",
    "corpus-pairs": "corpus-pairs",
    "fixed": "fixed(speaker, …)",
    "random": "random(k)",
}
"""Every protocol, and how it is written."""
_UNITS: Mapping[str, tuple[str, ...]] = {
    "official": ("group",),
    "speaker-out": ("speaker",),
    "leave-one-speaker-out": ("speaker",),
    "session-out": ("group",),
    "script-out": ("script",),
    "speaker-and-script-out": ("speaker", "script"),
    "group-k-fold": ("group",),
    "corpus-out": ("corpus",),
    "corpus-pairs": ("corpus",),
    "fixed": ("speaker",),
    "random": (),
}
_WITH_K = frozenset(name for name, form in FORMS.items() if form.endswith("(k)"))
_PER_FOLD = frozenset({"session-out", "leave-one-speaker-out", "corpus-out", "corpus-pairs"})
_WORDS = {
    "corpus": "corpora",
    "speaker": "speakers",
    "group": "groups (videos, dialogues, sessions)",
    "script": "scripts",
}
PAIR = " → "
"""Between the corpus that is learned from and the one that is tested, in the name of a fold of `corpus-pairs`."""
_SHARE = 8
_TRAIN, _DEVELOPMENT, _TEST = ("train",), ("dev", "valid", "validation"), ("test",)


@dataclass(frozen=True)
class Split:
    """One fold: row numbers, sorted, shapes (n_train,), (n_development,) and (n_test,)."""

    name: str
    train: Rows
    test: Rows
    development: Rows = field(default_factory=lambda: np.empty(0, dtype=np.int64))


@dataclass(frozen=True)
class Protocol:
    """A protocol, from `parse`.

    Args:
        kind: one of `FORMS`
        k: number of folds, where the protocol has one to choose
        speakers: who is tested, for `fixed`
    """

    kind: str
    k: int = 0
    speakers: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The protocol as it is written in params.yaml."""
        if self.speakers:
            return f"{self.kind}({', '.join(self.speakers)})"
        return f"{self.kind}({self.k})" if self.k else self.kind

    @property
    def unit(self) -> tuple[str, ...]:
        """The columns whose values never straddle a split."""
        return _UNITS[self.kind]

    @property
    def inner_unit(self) -> str:
        """The column whose values stay together in cuts inside a training part; "" for none.

        Of two units the first; where corpora are kept apart speakers, since a training part may hold a single corpus.
        """
        if self.kind in ("corpus-out", "corpus-pairs"):
            return "speaker"
        return self.unit[0] if self.unit else ""

    @property
    def leaky(self) -> bool:
        """Whether nothing at all is kept apart: only there to reproduce a published number."""
        return self.kind == "random"

    @property
    def averaging(self) -> Averaging:
        """How the folds' scores become one: the mean over folds, or one score of all test rows together."""
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
        """Cut rows into folds.

        Args:
            columns: what the rows are
            labels: class of every row, shape (n_rows,)
            seed: the same seed gives the same folds on every machine, whatever the order of the rows

        Raises:
            NotEnoughData: if the corpus lacks what the protocol keeps apart, or has too few of it
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
        if self.kind in _PER_FOLD:
            return _one_each(columns[self.unit[0]], self.kind)
        numbers = [_stratified(columns[unit], labels, self.k, seed) for unit in self.unit]
        return _by_number(numbers[0], self.k) if len(numbers) == 1 else _crossed(numbers[0], numbers[1], self.k)

    def demand(self, columns: Columns) -> None:
        """Check that the rows can bear the protocol.

        Raises:
            NotEnoughData: if they cannot; says what there is and which protocols would do
        """
        needed = ("split",) if self.kind == "official" else self.unit
        for column in needed:
            without = int((columns[column] == "").sum())
            if without:
                raise NotEnoughData(
                    f"{self.name} needs the {column} of every utterance, and {without:,} of {columns[column].size:,} "
                    f"have none; {_possible(columns)}"
                )
            there = np.unique(columns[column])
            wanted = max(self.k, 2)
            if column != "split" and self.kind != "fixed" and there.size < wanted:
                raise NotEnoughData(
                    f"{self.name} needs {wanted} {_WORDS[column]} or more, and there "
                    f"{'is' if there.size == 1 else 'are'} {there.size}; {_possible(columns)}"
                )

    def _fixed(self, speaker: Labels) -> Split:
        known = {one.rpartition("/")[2]: one for one in np.unique(speaker).tolist()}
        if unknown := [one for one in self.speakers if one not in known and one not in known.values()]:
            raise NotEnoughData(
                f"{self.name}: there is no speaker {', '.join(unknown)}; there are {', '.join(sorted(known))}"
            )
        test = np.isin(speaker, [known.get(one, one) for one in self.speakers])
        return Split("fixed speakers", np.flatnonzero(~test), np.flatnonzero(test))


def parse(text: str) -> Protocol:
    """Read a protocol as params.yaml has it, such as `speaker-out(6)` or `fixed(23, 24)`.

    Raises:
        ConfigError: if it is none; says which there are
    """
    found = re.fullmatch(r"\s*([a-z-]+)\s*(?:\(([^()]*)\))?\s*", text)
    kind, inside = (found[1], found[2]) if found else ("", None)
    if kind not in FORMS:
        meant = guess(kind or text, FORMS, FORMS)
        raise ConfigError(f"there is no protocol {text!r}; {meant}There are {', '.join(FORMS.values())}")
    if kind == "fixed":
        speakers = tuple(one.strip() for one in (inside or "").split(",") if one.strip())
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
    """Take development rows out of a split's training part under the protocol's own rule, about one in eight.

    A corpus's own development part stays as it is. Where training holds a single unit (one of TESS's two speakers),
    scripts are kept apart instead, or groups, or nothing but the rows.

    Args:
        split: one of the protocol's folds
        protocol: whose unit is kept apart here too; with two units the first
        columns: what all rows are
        labels: class of every row, shape (n_rows,)
        seed: which ones

    Raises:
        NotEnoughData: if the training part holds a single row
    """
    if split.development.size:
        return split
    candidates = (protocol.inner_unit or "utterance_id", "script", "group", "utterance_id")
    units = (columns[one][split.train] for one in candidates)
    unit = next((one for one in units if np.unique(one).size > 1), None)
    if unit is None:
        raise NotEnoughData(f"{split.name} of {protocol.name}: one row in training, none to spare for development")
    n_units = np.unique(unit).size
    inside = _stratified(unit, labels[split.train], min(_SHARE, n_units), seed) == 0
    return Split(split.name, split.train[~inside], split.test, split.train[inside])


def _official(split: Labels) -> Split:
    train, development, test = (np.flatnonzero(np.isin(split, names)) for names in (_TRAIN, _DEVELOPMENT, _TEST))
    if not train.size or not test.size:
        raise NotEnoughData(f"official needs a training and a test part; found the parts {', '.join(np.unique(split))}")
    return Split("official", train, test, development)


def _one_each(unit: Labels, kind: str) -> tuple[Split, ...]:
    what = {"session-out": "session", "corpus-out": "corpus"}.get(kind, "speaker")
    return tuple(
        Split(f"{what} {one.rpartition('/')[2]}", np.flatnonzero(unit != one), np.flatnonzero(unit == one))
        for one in np.unique(unit).tolist()
    )


def _pairs(corpus: Labels) -> tuple[Split, ...]:
    """Return a fold for every two corpora, in both directions."""
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
    """Return one fold for each pair of held-out parts that holds rows; what shares one of them is in neither part."""
    found = []
    for a in range(k):
        for b in range(k):
            test = np.flatnonzero((first == a) & (second == b))
            train = np.flatnonzero((first != a) & (second != b))
            if test.size and train.size:
                found.append(Split(f"fold {a + 1}.{b + 1} of {k} × {k}", train, test))
    return tuple(found)


def _stratified(unit: Labels, labels: Labels, k: int, seed: int) -> Rows:
    """Return the fold of every row, shape (n_rows,): whole units, classes spread as evenly as units allow.

    Greedy, as scikit-learn's StratifiedGroupKFold: units whose classes are most uneven first, each to the fold where it
    leaves the classes' shares most alike. Ties go by a digest of seed and unit, and never by the order of the rows.
    """
    names, unit_of_row = np.unique(unit, return_inverse=True)
    classes, class_of_row = np.unique(labels, return_inverse=True)
    counts = np.zeros((names.size, classes.size))
    np.add.at(counts, (unit_of_row, class_of_row), 1.0)
    chance = [hashlib.sha256(f"{seed}\0{name}".encode()).digest() for name in names.tolist()]
    order = sorted(range(names.size), key=lambda i: (-round(float(counts[i].std()), 9), chance[i]))
    shares, taken, fold = counts / counts.sum(axis=0), np.zeros((k, classes.size)), np.zeros(names.size, dtype=np.int64)
    sizes = np.zeros(k)
    for one in order:
        fold[one] = best = _best_fold(taken, sizes, shares[one])
        taken[best] += shares[one]
        sizes[best] += counts[one].sum()
    return fold[unit_of_row]


def _best_fold(taken: NDArray[np.float64], sizes: NDArray[np.float64], more: NDArray[np.float64]) -> int:
    # the spread over folds after adding to each, up to what all choices share
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
    """Return the columns that protocols need, from lists with None where there is nothing."""
    return {name: np.array([value or "" for value in table[name]], dtype=str) for name in NEEDED}
