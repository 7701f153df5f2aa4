"""Score published labels, and our consensus on the same texts, against the majority of the source's listeners.

The file has one row per caption: `VideoId,segment,sentiment analysis,<one column per listener>,text`. `VideoId` and
`segment` may be missing: without the videos of the rows there are no intervals. Stop words, "not" among them, are
missing from its texts, so that our voters see less than in the pipeline.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables, text_files
from tasks.core.config import Config
from tasks.core.errors import InputError
from tasks.evaluation import scores
from tasks.evaluation.splits import Labels
from tasks.labelling.base import registry
from tasks.labelling.people import agreement, rating_sheets, ratings
from tasks.labelling.people.agreement import Agreement
from tasks.labelling.people.rating_sheets import Repair
from tasks.labelling.quality import label_rules, threshold
from tasks.labelling.quality.label_rules import RuleCheck
from tasks.labelling.votes import combine, vote_columns
from tasks.labelling.votes.hedges import without_hedges
from tasks.stages import polarity

_UNHEDGED = "sign of the mean vote, hedges taken out"
_COMBINED: Mapping[str, combine.Combination] = MappingProxyType(
    {
        "majority of the votes": "majority",
        "label model, fitted on these texts": "label-model",
        "MACE, fitted on these texts": "mace",
        "sign of the mean vote": "mean",
    }
)
LABEL, VIDEO = "sentiment analysis", "VideoId"
COLUMNS, OPTIONAL = (LABEL, "text"), (VIDEO, "segment")


@dataclass(frozen=True)
class AgreementScores:
    """Scores of labels against the listeners' majority.

    Attributes:
        label: name of the labels
        n: number of rows
        macro_f1: their macro F1
        low: lower bound of its interval; None for one video
        high: upper bound
        precision: mean over the classes that occur
        recall: mean over the classes that occur
        by_class: class to `precision`, `recall` and others, as in `scores.summary`
        chosen_on: number of these rows that the labels' rule was chosen on
    """

    label: str
    n: int
    macro_f1: float
    low: float | None
    high: float | None
    precision: float
    recall: float
    by_class: Mapping[str, Mapping[str, float]]
    chosen_on: int = 0


@dataclass(frozen=True)
class PublishedAgreement:
    """Agreement of published labels and of ours with the listeners.

    Attributes:
        file: path of the file
        n_videos: resampled videos; 0 if the file does not state them
        n_covered: rows on which our voters reach a consensus
        confidence: of the intervals
        rows: scores of published labels and of ours
        curve: scores by threshold on the mean vote, without hedges
        listeners: agreement among the listeners
        repairs: misspelt ratings and their corrections
        rules: which rows rules were chosen or trained on, a sentence each
    """

    file: str
    n_videos: int
    n_covered: int
    confidence: float
    rows: tuple[AgreementScores, ...]
    curve: tuple[threshold.ThresholdPoint, ...]
    listeners: Agreement
    repairs: tuple[Repair, ...]
    rules: tuple[str, ...] = ()


def compare(path: Path, config: Config) -> PublishedAgreement:
    """Score published labels, and our consensus on the same texts, against the majority of the listeners.

    Our consensus leaves some texts without a label. It is scored twice: on all texts, with "no consensus" counted as
    neutral, and on the texts it covers, next to the published labels of the same texts. Rows where the listeners tie
    are left out. Every voter alone and every combination with a label for each text follow.

    Args:
        path: the file
        config: all settings

    Raises:
        ConfigError: if params.yaml names a voter that does not exist
        InputError: if the file is invalid, with its row
    """
    registry.check(config.polarity.voters)
    sheet = rating_sheets.read_sheet(path, COLUMNS, OPTIONAL)
    theirs = [_published_label(path, number, row[LABEL]) for number, row in enumerate(sheet.rows, start=1)]
    texts = [row["text"] for row in sheet.rows]
    votes, unhedged = _votes(texts, config), _votes([_unhedged(text) for text in texts], config)
    ours = _labels(votes, "consensus", config.polarity.min_score)
    majority = np.array([ratings.majority(row) or "" for row in sheet.ratings], dtype=str)
    videos = np.array([row.get(VIDEO, "") for row in sheet.rows], dtype=str)
    settings = config.evaluate
    compared = _Reference(majority, videos, scores.Bootstrap(settings.bootstrap, settings.confidence, settings.seed))
    rated = majority != ""
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
    rows += [
        compared.row(label, np.where(given == "", "neutral", given), rated)
        for label, given in _for_every_text(votes, unhedged, config.polarity.voters)
    ]
    rules = [label_rules.hedges(), *label_rules.of_voters(config.polarity.voters)]
    scored = [text for text, is_rated in zip(texts, rated.tolist(), strict=True) if is_rated]
    checks = label_rules.checks(rules, scored, scored)
    return PublishedAgreement(
        file=str(path),
        n_videos=int(np.unique(videos[rated & (videos != "")]).size),
        n_covered=int(covered.sum()),
        confidence=config.evaluate.confidence,
        rows=tuple(_marked(row, checks) for row in rows),
        rules=tuple(check.in_words for check in checks),
        curve=compared.curve(unhedged),
        listeners=agreement.agreement(sheet.ratings, videos, compared.bootstrap),
        repairs=sheet.repairs,
    )


@dataclass(frozen=True)
class _Reference:
    """The listeners' majority and the video of every row, shape (n_rows,)."""

    majority: Labels
    videos: Labels
    bootstrap: scores.Bootstrap

    def curve(self, votes: combine.Polarities) -> tuple[threshold.ThresholdPoint, ...]:
        combined = combine.combined(votes, "mean", combine.Thresholds(0.0, 0.0))
        certain = combine.certainty(combined, "mean")
        return tuple(threshold.curve(combined.labels, certain, self.majority, self.videos, self.bootstrap))

    def row(self, label: str, given: Labels, where: NDArray[np.bool_]) -> AgreementScores:
        counted = scores.confusions(self.majority[where], given[where], self.videos[where], tables.SENTIMENTS)
        summary = scores.summary(counted, tables.SENTIMENTS, self.bootstrap)
        pooled = counted.sum(axis=0)
        occurs = (pooled.sum(axis=0) + pooled.sum(axis=1)) > 0
        by_class = scores.per_class(pooled)
        return AgreementScores(
            label=label,
            n=summary["n"],
            macro_f1=summary["macro_f1"]["value"],
            low=summary["macro_f1"]["low"],
            high=summary["macro_f1"]["high"],
            precision=float(by_class["precision"][occurs].mean()),
            recall=float(by_class["recall"][occurs].mean()),
            by_class=summary["per_class"],
        )


def _marked(row: AgreementScores, checks: Sequence[RuleCheck]) -> AgreementScores:
    """Return a row with the number of its rows that its rule was chosen on; combinations depend on all voters."""
    published = row.label.startswith("published")
    concerned = [
        check
        for check in checks
        if (check.kind == label_rules.HEDGES and row.label == _UNHEDGED)
        or (check.kind == label_rules.VOTER and row.label in (f"{check.name} alone", *_COMBINED))
    ]
    same = {name for check in concerned for name in check.same}
    return row if published else replace(row, chosen_on=len(same))


def _published_label(path: Path, number: int, cell: str) -> str:
    if cell not in tables.SENTIMENTS:
        allowed = ", ".join(tables.SENTIMENTS)
        raise InputError(
            f"{path}: row {number}, column {LABEL}: found {text_files.quoted(cell)}, expected one of {allowed}"
        )
    return cell


def _unhedged(text: str) -> str:
    return without_hedges(text, stop_words_removed=True)


def _votes(texts: Sequence[str], config: Config) -> combine.Polarities:
    """Return our voters' votes on texts without stop words, shape (n_texts, n_voters)."""
    settings = config.polarity.model_copy(update={"remove_stop_words": False, "mask_hedges": False})
    polarities, _ = vote_columns.side_by_side(polarity.cast(texts, polarity.voting_settings(settings)).values())
    return polarities


def _labels(votes: combine.Polarities, how: combine.Combination, min_score: float = 0.0) -> Labels:
    return combine.combined(votes, how, combine.Thresholds(min_score, 0.0)).labels


def _for_every_text(
    votes: combine.Polarities, unhedged: combine.Polarities, names: Sequence[str]
) -> Iterator[tuple[str, Labels]]:
    """Yield name and labels of each voter, and of combinations that label every text; ties are neutral."""
    for k, name in enumerate(names):
        yield f"{name} alone", combine.labels_of(votes[:, k])
    for label, how in _COMBINED.items():
        yield label, _labels(votes, how)
    yield _UNHEDGED, _labels(unhedged, "mean")
