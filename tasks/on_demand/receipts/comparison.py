"""Compare a receipt's record with one that was made here, in the order in which results depend on each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

from tasks.on_demand.receipts.record import Record

Kind = Literal["revision", "version", "platform", "input", "parameter", "code", "output", "score", "digest"]
_CODE = "data/code/digests.json"
_REPORTED = ("revision", "version", "platform", "code")
"""Differences of these kinds explain others, and are no failure themselves."""


@dataclass(frozen=True)
class ComparedLine:
    """One line of a comparison: what it is about, and the values in the receipt and here."""

    kind: Kind
    name: str
    receipt: Any
    actual: Any

    @property
    def same(self) -> bool:
        """Whether both values are the same."""
        return bool(self.receipt == self.actual)


@dataclass(frozen=True)
class Verdict:
    """Result of a comparison."""

    lines: tuple[ComparedLine, ...]

    @property
    def differences(self) -> tuple[ComparedLine, ...]:
        """All lines with different values."""
        return tuple(line for line in self.lines if not line.same)

    @property
    def failures(self) -> tuple[ComparedLine, ...]:
        """Differences for which the receipt is not verified.

        With other versions of packages, files may differ in bytes while all scores are the same: that is no failure.
        """
        excused = ("output", "digest") if self.other_versions and not self._of("score") else ()
        return tuple(line for line in self.differences if line.kind not in (*_REPORTED, *excused))

    @property
    def other_versions(self) -> bool:
        """Whether versions, revisions or the code differ."""
        return any(self._of(kind) for kind in _REPORTED)

    @property
    def first(self) -> ComparedLine | None:
        """The first difference that is a failure: later ones may follow from it."""
        return next(iter(self.failures), None)

    @property
    def verified(self) -> bool:
        """Whether everything that has to be the same is."""
        return not self.failures

    def count(self, kind: str) -> tuple[int, int]:
        """Return the number of lines of a kind that are the same, and of all.

        Args:
            kind: of lines
        """
        lines = [line for line in self.lines if line.kind == kind]
        return sum(line.same for line in lines), len(lines)

    def _of(self, kind: str) -> list[ComparedLine]:
        return [line for line in self.differences if line.kind == kind]


def sources(stages: Mapping[str, Mapping[str, Any]]) -> frozenset[str]:
    """Return the inputs that none of some stages writes.

    Args:
        stages: name → `inputs` and `outputs`
    """
    written = [PurePosixPath(path) for stage in stages.values() for path in stage["outputs"]]
    read = {path for stage in stages.values() for path in stage["inputs"]}
    return frozenset(path for path in read if not any(_overlap(PurePosixPath(path), out) for out in written))


def compare(receipt: Record, actual: Record) -> Verdict:
    """Compare a receipt with the same record made here.

    Args:
        receipt: the record in the receipt
        actual: that of this project
    """
    lines, outside = [*_about(receipt, actual)], sources(receipt["stages"])
    for name, stage in receipt["stages"].items():
        mine = actual["stages"].get(name, {"inputs": {}, "outputs": {}, "params": {}})
        for path, digest in stage["inputs"].items():
            if path in outside:
                lines.append(ComparedLine("input", f"{name}: {path}", digest, mine["inputs"].get(path)))
        lines += _parameters(name, stage["params"], mine["params"])
        for path, digest in stage["outputs"].items():
            lines.append(ComparedLine("output", f"{name}: {path}", digest, mine["outputs"].get(path)))
    for name, about in receipt["experiments"].items():
        lines += _of_experiment(name, about, actual["experiments"].get(name, {}))
    for path, about in receipt["files"].items():
        lines.append(ComparedLine("digest", path, about["sha256"], actual["files"].get(path, {}).get("sha256")))
    return Verdict(tuple(lines))


def _overlap(path: PurePosixPath, out: PurePosixPath) -> bool:
    return path == out or path.is_relative_to(out) or out.is_relative_to(path)


def _about(receipt: Record, actual: Record) -> Iterator[ComparedLine]:
    for name in ("software", "project"):
        title = "undertone" if name == "software" else "project"
        yield ComparedLine("revision", title, receipt[name]["revision"], actual[name]["revision"])
        yield ComparedLine("revision", f"{title}, changed files", receipt[name]["changed"], actual[name]["changed"])
    for name, number in receipt["packages"].items():
        yield ComparedLine("version", name, number, actual["packages"].get(name))
    for name, value in receipt["platform"].items():
        yield ComparedLine("platform", name, value, actual["platform"].get(name))


def _parameters(stage: str, receipt: Mapping[str, Any], actual: Mapping[str, Any]) -> Iterator[ComparedLine]:
    for file, values in receipt.items():
        for name, value in values.items():
            other = actual.get(file, {}).get(name)
            if file == _CODE:
                yield ComparedLine("code", f"{stage}: code", value, other)
            else:
                yield from _leaves(f"{stage}: {name}", value, other)


def _leaves(name: str, value: Any, other: Any) -> Iterator[ComparedLine]:
    """Yield a parameter, or each of a section: a message names the one that was changed."""
    if not isinstance(value, dict) or not isinstance(other, dict):
        yield ComparedLine("parameter", name, value, other)
        return
    for key in dict.fromkeys((*value, *other)):
        yield from _leaves(f"{name}.{key}", value.get(key), other.get(key))


def _of_experiment(name: str, receipt: Mapping[str, Any], actual: Mapping[str, Any]) -> Iterator[ComparedLine]:
    for weight, digest in receipt["weights"].items():
        yield ComparedLine("input", f"{name}: weights {weight}", digest, actual.get("weights", {}).get(weight))
    for field in ("protocol", "seeds", "n", "n_groups"):
        yield ComparedLine("score", f"{name}: {field}", receipt.get(field), actual.get(field))
    for system, scores in (("the recipe", receipt["scores"]), *receipt["baselines"].items()):
        here = actual.get("scores", {}) if system == "the recipe" else actual.get("baselines", {}).get(system, {})
        for measure, score in scores.items():
            if isinstance(score, dict) and "value" in score:
                yield ComparedLine("score", f"{name}: {measure} of {system}", score, here.get(measure))
    for file, digest in receipt["model_files"].items():
        yield ComparedLine("digest", f"{name}: model/{file}", digest, actual.get("model_files", {}).get(file))
