"""Outcomes of a stage's items, and the exception for items that met a bug in our code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tasks.core import memo
from tasks.core.errors import UndertoneError
from tasks.core.memo import Index, ItemResults
from tasks.core.results import Reject, Result

SHOWN = 10
"""Items that the message names."""


class ItemsFailed(Exception):
    """Items met bugs in our code; all others of the stage are done and cached.

    Args:
        stage: the stage's name
        outcomes: of all its items
    """

    def __init__(self, stage: str, outcomes: Sequence[Outcome]) -> None:
        super().__init__(stage, tuple(outcomes))
        self.stage = stage
        self.outcomes = tuple(outcomes)
        self.bugs = tuple((outcome.item, outcome.bug) for outcome in outcomes if outcome.bug)
        self.more_rejects: list[Reject] = []
        self.where: Path | None = None

    def __str__(self) -> str:
        lines = [f"{item}: {error}" for item, error in self.bugs[:SHOWN]]
        if len(self.bugs) > SHOWN:
            lines.append(f"… and {len(self.bugs) - SHOWN} more items")
        lines.append(
            f"{len(self.bugs)} of {len(self.outcomes)} items of {self.stage} met a bug. The others are "
            "done and kept. The stage wrote no outputs; those of its last complete run stay; the next run tries again"
        )
        if self.where is not None:
            lines.append(f"Tracebacks, for a bug report: {self.where}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Outcome:
    """The location of an item's result; small, so that it can be sent between machines.

    Args:
        item: its id
        memo: path of the cached result
        remembered: whether the result was cached before
        passing: whether the item was rejected for a transient reason, so that another attempt may succeed
        bug: the exception, as one line, that the item met because of a bug in our code; empty if it met none
        again: repeats the item, in case its cached result, which has not been read yet, is damaged
        kept: its result, if the index of the last run has it
        index: of the work, to which its result is added
    """

    item: str
    memo: Path
    remembered: bool
    passing: bool = False
    bug: str = ""
    again: Callable[[], Outcome] | None = field(default=None, compare=False, repr=False)
    kept: ItemResults | None = field(default=None, compare=False, repr=False)
    index: Index | None = field(default=None, compare=False, repr=False)

    def result(self) -> Result:
        """Read the result from the cache; compute a damaged one again.

        Raises:
            ItemsFailed: if the item meets a bug when it is computed again
            UndertoneError: if there is no result
        """
        if self.kept is not None:
            return self.kept.result()
        result = memo.recall(self.memo)
        if result is None and self.again is not None:
            repeated = self.again()
            if repeated.bug:
                raise ItemsFailed(self.memo.parent.parent.name, [repeated])
            result = memo.recall(repeated.memo)
        if result is None:
            raise UndertoneError(
                f"the result of {self.item} is not at {self.memo.resolve()}. If the work was done on another machine, "
                "both must share this folder; if someone cleaned the memo meanwhile, run again"
            )
        return result
