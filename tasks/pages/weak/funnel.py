"""Funnel from listed videos to training and test rows: every loss by stage and reason; the sums are checked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from tasks.core.errors import TableError
from tasks.experiments import row_selection
from tasks.pages.weak.inputs import RunResults

NO_CUE_LEFT = "no usable cue"
LEFT_OUT = "left out by the recipe"
_CHOSEN = {row_selection.NOT_ASKED_FOR, row_selection.EXCLUDED, row_selection.NOT_AMONG_FIRST}
NO_UTTERANCE_LEFT = "all its utterances were rejected"
SPOKEN = "found"
ELIGIBLE = "of suitable length, with enough words"
_SPLIT = re.compile(r"(?:[a-z0-9-]+/)?(train|test)-")


@dataclass(frozen=True)
class FunnelRow:
    """One row of the funnel: a step with the number that remains, or a loss before it with the number lost."""

    kind: Literal["step", "loss"]
    stage: str
    unit: str
    label: str
    train: int
    test: int

    @property
    def total(self) -> int:
        """Training and test together."""
        return self.train + self.test


def funnel(results: RunResults) -> tuple[FunnelRow, ...]:
    """Count what remains after every step, and before each step the losses by reason.

    Args:
        results: tables of the run

    Raises:
        TableError: if the numbers do not add up: an item is lost without a reason, or an earlier step lacks it
    """
    reasons = {stage: _by_item(table) for stage, table in results.rejects.items()}
    unfetched = _numbered(results.rejects["crawl"].to_pylist())
    left_out = _column(results.votes, "left_out")
    agreed = {utterance_id for utterance_id, label in _column(results.votes, "sentiment").items() if label}
    fetched = set(results.videos["video_id"].to_pylist())
    groups = _column(results.utterances_after["captions"], "group")
    whole, cues = _caption_losses(results.rejects["captions"], fetched, set(groups.values()))

    videos = _Chain("videos", "crawl", "listed", fetched | unfetched.keys())
    videos.narrow("crawl", "fetched", fetched, unfetched)
    videos.narrow("captions", "with utterances", set(groups.values()), whole)

    spoken = _Chain("utterances", "captions", SPOKEN, groups.keys() | cues.keys())
    spoken.narrow("captions", "usable", groups.keys(), cues)
    for stage, table in list(results.utterances_after.items())[1:]:
        kept = _column(table, "group")
        videos.narrow(stage, f"kept by {stage}", set(kept.values()), _video_losses(groups, reasons.get(stage, {})))
        spoken.narrow(stage, f"kept by {stage}", kept.keys(), _utterance_losses(groups, reasons.get(stage, {})))
    segmented = results.segmented
    eligible = segmented | reasons["segments"].keys()
    spoken.narrow("polarity", ELIGIBLE, eligible, left_out)
    spoken.narrow("polarity", "with a label", agreed & eligible, left_out)
    spoken.narrow("segments", "cut", agreed & segmented, reasons["segments"])
    spoken.narrow("extract", "with features", agreed & segmented & results.featured, _feature_losses(results, reasons))
    return (*videos.rows, *spoken.rows, *_used(spoken, results))


def markdown(rows: Sequence[FunnelRow]) -> str:
    """Return the funnel as a Markdown table."""
    lines = ["| step | train | test | total |", "| --- | ---: | ---: | ---: |"]
    for row in rows:
        label = f"… {row.label}" if row.kind == "loss" else f"**{row.unit} {row.label}**"
        label = label.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
        numbers = (
            f"{'−' if row.kind == 'loss' and number else ''}{number:,}" for number in (row.train, row.test, row.total)
        )
        lines.append(f"| {label} | {' | '.join(numbers)} |")
    return "\n".join(lines) + "\n"


class _Chain:
    """Set of ids that is narrowed step by step; refuses to lose one without a reason."""

    def __init__(self, unit: str, stage: str, label: str, ids: Collection[str]) -> None:
        self.unit = unit
        self.left = set(ids)
        self.rows = [self._row("step", stage, label, self.left)]

    def narrow(self, stage: str, label: str, kept: Collection[str], why: Mapping[str, str | None]) -> None:
        lost = self.left - set(kept)
        if unknown := set(kept) - self.left:
            raise TableError(_mismatch(stage, f"{self.unit} {label}", unknown, "are missing in an earlier step"))
        if unexplained := {item for item in lost if not why.get(item)}:
            raise TableError(_mismatch(stage, f"{self.unit} {label}", unexplained, "are lost without a reason"))
        self.left -= lost
        counts = Counter(str(why[item]) for item in lost)
        for reason, _ in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])):
            self.rows.append(self._row("loss", stage, reason, {item for item in lost if why[item] == reason}))
        self.rows.append(self._row("step", stage, label, self.left))

    def _row(self, kind: Literal["step", "loss"], stage: str, label: str, ids: Collection[str]) -> FunnelRow:
        counts = Counter(_split(item) for item in ids)
        return FunnelRow(kind, stage, self.unit, label, counts["train"], counts["test"])


def _caption_losses(
    rejected: pa.Table, fetched: set[str], with_utterances: set[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Separate videos without any utterance, with their reasons, from single cues that could not be used."""
    rows = rejected.to_pylist()
    rejects_of = Counter(row["item"] for row in rows)
    without_utterances = fetched - with_utterances
    whole = {
        row["item"]: row["reason"] for row in rows if row["item"] in without_utterances and rejects_of[row["item"]] == 1
    }
    cues = _numbered([row for row in rows if row["item"] not in whole])
    for video in without_utterances - whole.keys():
        if any(re.match(rf"(?:[a-z0-9-]+/)?{re.escape(video)}[/#]", cue) for cue in cues):
            whole[video] = NO_CUE_LEFT
    return whole, cues


def _video_losses(groups: Mapping[str, str], reasons: Mapping[str, str]) -> dict[str, str]:
    """Return why an inserted stage dropped videos: it rejected the video, or each of its utterances."""
    emptied = {group: NO_UTTERANCE_LEFT for utterance, group in groups.items() if utterance in reasons}
    return {**emptied, **reasons}


def _utterance_losses(groups: Mapping[str, str], reasons: Mapping[str, str]) -> dict[str, str]:
    """Return why an inserted stage dropped utterances: it rejected the utterance, or its video."""
    with_video = {utterance: reasons[group] for utterance, group in groups.items() if group in reasons}
    return {**with_video, **reasons}


def _numbered(rejects: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return reasons by unique key: one item may be rejected twice, or once rejected and once used."""
    return {f"{row['item']}#{number}": row["reason"] for number, row in enumerate(rejects)}


def _split(item: str) -> str:
    if (match := _SPLIT.match(item)) is None:
        raise TableError(f"the id {item!r} names no split; expected train-… or test-…, perhaps after a corpus/")
    return match[1]


def _by_item(rejected: pa.Table) -> dict[str, str]:
    return dict(zip(rejected["item"].to_pylist(), rejected["reason"].to_pylist(), strict=True))


def _column(table: pa.Table, name: str) -> dict[str, Any]:
    return dict(zip(table["utterance_id"].to_pylist(), table[name].to_pylist(), strict=True))


def _mismatch(stage: str, step: str, ids: Collection[str], what: str) -> str:
    examples = ", ".join(sorted(ids)[:3])
    return (
        f"the funnel does not add up at {stage} ({step}): {len(ids)} {what}, such as {examples}. "
        "The files in data/ come from different runs; run every stage again"
    )


def _feature_losses(results: RunResults, reasons: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return why utterances have no features: the utterance or the sound of its whole recording was rejected."""
    video_of = dict(zip(*results.videos.select(["audio", "video_id"]).to_pydict().values(), strict=True))
    rejected = {
        video_of.get(item, item): reason
        for stage, of_stage in reasons.items()
        if "@" in stage
        for item, reason in of_stage.items()
    }
    return _utterance_losses(_column(results.utterances, "group"), rejected)


def _used(spoken: _Chain, results: RunResults) -> list[FunnelRow]:
    """Return the number of rows that the experiment used, after those that its recipe leaves out."""
    metrics, ids = results.metrics, {row["utterance_id"] for row in results.scored}
    if unknown := ids - spoken.left:
        raise TableError(_mismatch("experiment", "tested", unknown, "are missing in an earlier step"))
    left, counts = spoken.rows[-1], Counter(map(_split, ids))
    train = counts["train"]
    if metrics["protocol"] == "official":
        # windows are counted, not utterances
        train = left.train if metrics["windows"] else metrics["folds"][0]["n_train"]
    used = FunnelRow("step", "experiment", "utterances", "used for training or test", train, counts["test"])
    lost = FunnelRow("loss", "experiment", "utterances", LEFT_OUT, left.train - used.train, left.test - used.test)
    if not lost.total:
        return [used]
    chosen = metrics["labels"] != "all" or metrics["left_out"].keys() & _CHOSEN
    if not chosen or lost.train < 0 or lost.test < 0:
        raise TableError(
            f"the funnel ends with {left.train} training and {left.test} test utterances, and the experiment "
            f"{metrics['experiment']} used {used.train} and {used.test}; run it again"
        )
    return [lost, used]
