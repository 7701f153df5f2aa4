"""The combination in use as an artifact of the pipeline: how it was chosen, on which rows, and the stacked model.

`data/polarity/combination.json` has the combination that params.yaml asks for, the chosen one, the reason, the rated
rows (number, groups, sources, digest of texts and labels, digest of each text), the cross-validated scores of all
candidates, the score of the choice itself, and the coefficients of the stacked model where there is one.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import artifacts
from tasks.core.errors import NotEnoughData, TableError
from tasks.evaluation.scores import Bootstrap
from tasks.evaluation.splits import Labels
from tasks.labelling.quality import row_digests, selection
from tasks.labelling.quality.selection import RatedVotes
from tasks.labelling.votes import stacking
from tasks.labelling.votes.combine import Polarities

SELECTED, DEFAULT = "selected", "consensus"
TRAINED = (SELECTED, selection.STACKING)
"""Values of polarity.combine that need rated rows."""
_BOOTSTRAP = Bootstrap(1000, 0.95, 7)
NO_CHOICE = "named in params.yaml; nothing was selected or trained on rated rows"
NO_ROWS = (
    "too few rated rows of training videos, and no rated texts in data/rated: nothing could be selected. It cannot be "
    "shown that these labels are better than those of the best single voter"
)


@dataclass(frozen=True)
class RatedRows:
    """The rows that a combination is chosen and trained on.

    Args:
        votes: with ratings and groups
        texts: shape (n_rows,)
        sources: `listeners`, or the name of a file of rated texts, shape (n_rows,)
        left_out: number of rows that a learned voter was trained on: its votes on them are better than on other texts
    """

    votes: RatedVotes
    texts: Sequence[str]
    sources: Labels
    left_out: int = 0

    def followed_by(self, others: RatedRows) -> RatedRows:
        """Return these rows and others of the same voters.

        Args:
            others: further rows
        """
        mine, theirs = self.votes, others.votes
        votes = RatedVotes(
            mine.names,
            np.concatenate([mine.polarities, theirs.polarities]),
            np.concatenate([mine.chances, theirs.chances]),
            np.concatenate([mine.labels, theirs.labels]),
            np.concatenate([mine.groups, theirs.groups]),
            ~np.concatenate([mine.scored, theirs.scored]),
        )
        sources = np.concatenate([self.sources, others.sources])
        return RatedRows(votes, [*self.texts, *others.texts], sources, self.left_out + others.left_out)

    def without(self, digests: Iterable[str]) -> RatedRows:
        """Return the rows whose texts are not among some texts; the others are counted in `left_out`.

        Args:
            digests: of the texts, from `row_digests.digests`
        """
        seen = set(row_digests.overlap(self.texts, digests))
        kept = np.array([k for k in range(len(self.texts)) if k not in seen], dtype=np.int64)
        texts = [self.texts[k] for k in kept.tolist()]
        return RatedRows(self.votes.rows(kept), texts, self.sources[kept], self.left_out + len(seen))

    def described(self) -> dict[str, Any]:
        """Return numbers, sources and digests of the rows, for JSON."""
        columns = (map(row_digests.digest, self.texts), self.votes.labels.tolist(), self.votes.groups.tolist())
        rows = sorted(zip(*columns, strict=True))
        return {
            "n": len(self.texts),
            "n_groups": int(np.unique(self.votes.groups).size),
            "left_out": self.left_out,
            "sources": dict(sorted(Counter(self.sources.tolist()).items())),
            "sha256": hashlib.sha256(json.dumps(rows).encode()).hexdigest(),
            "digests": row_digests.digests(self.texts),
        }


@dataclass(frozen=True)
class CombinationFile:
    """Content of the artifact.

    Args:
        combine: `polarity.combine`
        chosen: the combination in use, or a single voter (`combine.alone`)
        why: reason for it
        rows: the rated rows, from `RatedRows.described`; None: none were used
        protocol: of the cross-validation; "" without
        table: cross-validated scores of the candidates; empty without
        nested: score of choosing like this, where folds within folds are possible
        model: the stacked model, if it is in use
    """

    combine: str
    chosen: str
    why: str = NO_CHOICE
    rows: Mapping[str, Any] | None = None
    protocol: str = ""
    table: Sequence[Mapping[str, Any]] = ()
    nested: Mapping[str, Any] | None = None
    model: Mapping[str, Any] | None = None

    def stacked(self, polarities: Polarities, chances: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return the stacked model's probabilities, shape (n_texts, 3); None without such a model.

        Args:
            polarities: NaN where a voter abstains, shape (n_texts, n_voters)
            chances: NaN where a voter has no probabilities, shape (n_texts, n_voters, 3)
        """
        return None if self.model is None else stacking.from_dict(self.model).probabilities(polarities, chances)

    @property
    def digests(self) -> Sequence[str]:
        """Digests of the texts of the rated rows."""
        return () if self.rows is None else self.rows["digests"]


def made(combine: str, rated: RatedRows | None) -> CombinationFile:
    """Choose the combination and train the stacked model, as far as `polarity.combine` asks for it.

    Args:
        combine: its value
        rated: rated rows of the training side; None: there are none

    Raises:
        NotEnoughData: if `stacking` is asked for, and the rated rows do not suffice
    """
    if combine not in TRAINED:
        return CombinationFile(combine, combine)
    if rated is None or not selection.possible(rated.votes):
        left_out = _left_out(rated)
        if combine == SELECTED:
            return CombinationFile(combine, DEFAULT, f"{NO_ROWS}{left_out}")
        raise NotEnoughData(
            f"polarity.combine: stacking is trained on rated rows: of every sentiment, in 2 videos or articles or "
            f"more; found {0 if rated is None else len(rated.texts)} rated rows of training videos or in data/rated"
            f"{left_out}. Rate some (undertone annotate --split train), put a file of rated texts into data/rated, or "
            "choose another combination"
        )
    choice = selection.choose(rated.votes, _BOOTSTRAP, with_nested=combine == SELECTED)
    chosen = choice.name if combine == SELECTED else combine
    best = f"the best macro F1 of {len(choice.table)} candidates" if combine == SELECTED else "named in params.yaml"
    model = selection.fitted(rated.votes).to_dict() if chosen == selection.STACKING else None
    return CombinationFile(
        combine, chosen, f"{best}; {choice.protocol}", rated.described(), choice.protocol, choice.table, choice.nested,
        model,
    )  # fmt: skip


def _left_out(rated: RatedRows | None) -> str:
    n = 0 if rated is None else rated.left_out
    return f" ({n:,} more are left out: a learned voter was trained on them)" if n else ""


def text(content: CombinationFile) -> str:
    """Return the artifact's text.

    Args:
        content: of the artifact
    """
    return json.dumps(asdict(content), indent=1, ensure_ascii=False) + "\n"


def read(path: Path) -> CombinationFile:
    """Read the artifact.

    Args:
        path: the file

    Raises:
        TableError: if it is missing or damaged
    """
    fields = artifacts.read_json(path)
    try:
        return CombinationFile(**fields)
    except TypeError as error:
        raise TableError(f"{path}: cannot be read ({error}); recreate it: undertone run polarity --force") from error
