"""From videos listed to rows learned from and tested on: every loss counted, and the sums checked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from tasks.core.errors import TableError
from tasks.pages.weak.inputs import Material

NO_CUE_LEFT = "no usable cue"
NO_UTTERANCE_LEFT = "all its utterances were rejected"
ELIGIBLE = "of a fit length, with enough words"
_SPLIT = re.compile(r"(?:[a-z0-9-]+/)?(train|test)-")


@dataclass(frozen=True)
class Row:
    """One line of the funnel: a step and how many came so far, or a loss before it and how many went."""

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


def funnel(found: Material) -> tuple[Row, ...]:
    """Count what came through every step, and before each step what was lost, by reason.

    Raises:
        TableError: if the numbers do not add up: something vanished without a reason, or came from nowhere
    """
    reasons = {stage: _by_item(table) for stage, table in found.rejects.items()}
    unfetched = _numbered(found.rejects["crawl"].to_pylist())
    left_out = _column(found.votes, "left_out")
    agreed = {one for one, label in _column(found.votes, "sentiment").items() if label}
    fetched = set(found.videos["video_id"].to_pylist())
    groups = _column(found.utterances_after["captions"], "group")
    whole, cues = _caption_losses(found.rejects["captions"], fetched, set(groups.values()))

    videos = _Chain("videos", "crawl", "listed", fetched | unfetched.keys())
    videos.narrow("crawl", "fetched", fetched, unfetched)
    videos.narrow("captions", "with utterances", set(groups.values()), whole)

    spoken = _Chain("utterances", "captions", "found in captions", groups.keys() | cues.keys())
    spoken.narrow("captions", "usable", groups.keys(), cues)
    for stage, table in list(found.utterances_after.items())[1:]:
        kept = _column(table, "group")
        videos.narrow(stage, f"kept by {stage}", set(kept.values()), _video_losses(groups, reasons.get(stage, {})))
        spoken.narrow(stage, f"kept by {stage}", kept.keys(), _utterance_losses(groups, reasons.get(stage, {})))
    eligible = found.segmented | reasons["segments"].keys()
    spoken.narrow("polarity", ELIGIBLE, eligible, left_out)
    spoken.narrow("polarity", "with a label", agreed & eligible, left_out)
    spoken.narrow("segments", "cut", agreed & found.segmented, reasons["segments"])
    spoken.narrow("acoustic", "with features", agreed & found.featured, reasons["acoustic"])
    spoken.narrow("train", "learned from or tested on", {row["utterance_id"] for row in found.scored}, {})
    _agree(spoken.rows[-1], found.metrics["protocol"])
    return (*videos.rows, *spoken.rows)


def markdown(rows: Sequence[Row]) -> str:
    """Return the funnel as a Markdown table."""
    lines = ["| step | train | test | total |", "| --- | ---: | ---: | ---: |"]
    for row in rows:
        label = f"… {row.label}" if row.kind == "loss" else f"**{row.unit} {row.label}**"
        label = label.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
        numbers = (f"{'−' if row.kind == 'loss' and one else ''}{one:,}" for one in (row.train, row.test, row.total))
        lines.append(f"| {label} | {' | '.join(numbers)} |")
    return "\n".join(lines) + "\n"


class _Chain:
    """Narrows a set of ids step by step and refuses to lose one without a reason."""

    def __init__(self, unit: str, stage: str, label: str, ids: Collection[str]) -> None:
        self.unit = unit
        self.left = set(ids)
        self.rows = [self._row("step", stage, label, self.left)]

    def narrow(self, stage: str, label: str, kept: Collection[str], why: Mapping[str, str | None]) -> None:
        lost = self.left - set(kept)
        if strangers := set(kept) - self.left:
            raise TableError(_mismatch(stage, f"{self.unit} {label}", strangers, "an earlier step does not know"))
        if unexplained := {one for one in lost if not why.get(one)}:
            raise TableError(_mismatch(stage, f"{self.unit} {label}", unexplained, "are lost without a reason"))
        self.left -= lost
        counts = Counter(str(why[one]) for one in lost)
        for reason, _ in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])):
            self.rows.append(self._row("loss", stage, reason, {one for one in lost if why[one] == reason}))
        self.rows.append(self._row("step", stage, label, self.left))

    def _row(self, kind: Literal["step", "loss"], stage: str, label: str, ids: Collection[str]) -> Row:
        counts = Counter(_split(one) for one in ids)
        return Row(kind, stage, self.unit, label, counts["train"], counts["test"])


def _caption_losses(rejected: pa.Table, fetched: set[str], speaking: set[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Tell videos that gave nothing, and why, from single cues that could not be used."""
    rows = rejected.to_pylist()
    rejects_of = Counter(row["item"] for row in rows)
    mute = fetched - speaking
    whole = {row["item"]: row["reason"] for row in rows if row["item"] in mute and rejects_of[row["item"]] == 1}
    cues = _numbered([row for row in rows if row["item"] not in whole])
    for video in mute - whole.keys():
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
    """Give every reject a key of its own: one item may be rejected twice, or once and used once."""
    return {f"{row['item']}#{number}": row["reason"] for number, row in enumerate(rejects)}


def _split(one: str) -> str:
    if (match := _SPLIT.match(one)) is None:
        raise TableError(f"the id {one!r} names no split; expected train-… or test-…, perhaps after a corpus/")
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


def _agree(last: Row, protocol: Mapping[str, Any]) -> None:
    stated = (protocol["n_train_utterances"], protocol["n_test_utterances"])
    if (last.train, last.test) != stated:
        raise TableError(
            f"the funnel ends with {last.train} training and {last.test} test utterances, and "
            f"data/evaluate/metrics.json was made from {stated[0]} and {stated[1]}; run every stage from train on again"
        )
