"""The source's own check, redone: its published labels against the majority of its listeners, and ours beside them.

The file has one row per caption: `VideoId,segment,sentiment analysis,<one column per listener>,text`. Its texts have
lost their stop words ("not" among them), so that our voters see less here than in the pipeline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks import listeners, polarity, scores, tables, voters
from tasks.config import Config, Evaluate
from tasks.errors import InputError
from tasks.listeners import Agreement, Repair
from tasks.splits import Labels

LABEL = "sentiment analysis"
COLUMNS = ("VideoId", "segment", LABEL, "text")


@dataclass(frozen=True)
class Row:
    """One line of figures against the majority of listeners; `low` and `high` bound macro F1, None for one video."""

    label: str
    n: int
    macro_f1: float
    low: float | None
    high: float | None
    precision: float
    recall: float


@dataclass(frozen=True)
class PublishedAgreement:
    """What there is to print.

    Attributes:
        file: the file of votes
        n_videos: resampled by the bootstrap
        n_covered: rows on which our voters reach a consensus
        confidence: of the intervals
        rows: published labels and ours, scored
        listeners: how well the listeners agree among themselves
        repairs: misspelt votes, and what they were taken for
    """

    file: str
    n_videos: int
    n_covered: int
    confidence: float
    rows: tuple[Row, ...]
    listeners: Agreement
    repairs: tuple[Repair, ...]


def compare(path: Path, config: Config) -> PublishedAgreement:
    """Score published labels, and our consensus on the same texts, against the majority of the listeners.

    Our consensus leaves some texts without a label. It is scored twice: on all, with "no consensus" counted as neutral;
    and on the texts it covers, beside the published labels on the same ones. Rows where the listeners tie count in
    neither.

    Raises:
        ConfigError: if params.yaml names a voter that does not exist
        InputError: naming file, row and what is wrong
    """
    voters.check(config.polarity.voters)
    sheet = listeners.read_sheet(path, COLUMNS)
    theirs = [_published_label(path, number, row[LABEL]) for number, row in enumerate(sheet.rows, start=1)]
    ours = np.array(_consensus([row["text"] for row in sheet.rows], config), dtype=str)
    heard = np.array([listeners.majority(votes) or "" for votes in sheet.votes], dtype=str)
    compared = _Compared(heard, np.array([row["VideoId"] for row in sheet.rows], dtype=str), config.evaluate)
    rated = heard != ""
    if not rated.any():
        raise InputError(f"{path}: no row on which the listeners have a majority, so there is nothing to compare")
    covered = rated & (ours != "")
    rows = [
        compared.row("published labels", np.array(theirs, dtype=str), rated),
        compared.row("our consensus, none counted as neutral", np.where(ours == "", "neutral", ours), rated),
    ]
    if covered.any():
        rows.append(compared.row("our consensus, where there is one", ours, covered))
        rows.append(compared.row("published labels, in the same places", np.array(theirs, dtype=str), covered))
    return PublishedAgreement(
        file=str(path),
        n_videos=int(np.unique(compared.videos[rated]).size),
        n_covered=int(covered.sum()),
        confidence=config.evaluate.confidence,
        rows=tuple(rows),
        listeners=listeners.agreement(sheet.votes),
        repairs=sheet.repairs,
    )


@dataclass(frozen=True)
class _Compared:
    """What labels are compared with: the listeners' majority and the video of every row, shape (n_rows,)."""

    heard: Labels
    videos: Labels
    settings: Evaluate

    def row(self, label: str, given: Labels, where: NDArray[np.bool_]) -> Row:
        bootstrap = scores.Bootstrap(self.settings.bootstrap, self.settings.confidence, self.settings.seed)
        counted = scores.confusions(self.heard[where], given[where], self.videos[where], tables.SENTIMENTS)
        found = scores.summary(counted, tables.SENTIMENTS, bootstrap)
        pooled = counted.sum(axis=0)
        occurs = (pooled.sum(axis=0) + pooled.sum(axis=1)) > 0
        by_class = scores.per_class(pooled)
        return Row(
            label=label,
            n=found["n"],
            macro_f1=found["macro_f1"]["value"],
            low=found["macro_f1"]["low"],
            high=found["macro_f1"]["high"],
            precision=float(by_class["precision"][occurs].mean()),
            recall=float(by_class["recall"][occurs].mean()),
        )


def _published_label(path: Path, number: int, cell: str) -> str:
    if cell not in tables.SENTIMENTS:
        allowed = ", ".join(tables.SENTIMENTS)
        raise InputError(f"{path}: row {number}, column {LABEL}: found {cell!r}, expected one of {allowed}")
    return cell


def _consensus(texts: Sequence[str], config: Config) -> list[str]:
    """Let our voters decide on texts as they stand, their stop words gone already; empty: no consensus."""
    ballot = polarity.Ballot(voters=config.polarity.voters, remove_stop_words=False)
    votes = (list(polarity.cast(text, ballot).values()) for text in texts)
    return [polarity.decide(cast, config.polarity.min_score).sentiment or "" for cast in votes]
