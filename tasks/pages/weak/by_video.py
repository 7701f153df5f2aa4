"""The test set video by video: how many utterances, how many right, and which way they lean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

_SIGN = {"negative": -1, "neutral": 0, "positive": 1}


@dataclass(frozen=True)
class Video:
    """One test video.

    Attributes:
        n: utterances with a consensus label
        right: how many of them the classifier labels as the consensus does
        consensus: mean of the consensus labels, counting −1, 0 and 1
        predicted: mean of the predicted labels, counted the same
    """

    video_id: str
    title: str
    url: str
    n: int
    right: int
    consensus: float
    predicted: float

    @property
    def accuracy(self) -> float:
        """The share that is right."""
        return self.right / self.n


def test_videos(scored: Iterable[Mapping[str, Any]], videos: Iterable[Mapping[str, Any]]) -> tuple[Video, ...]:
    """Return the test videos that have scored utterances, from the most negative consensus to the most positive.

    Args:
        scored: rows of PREDICTIONS with a label
        videos: rows of VIDEOS
    """
    known = {video["video_id"]: video for video in videos}
    test = sorted((row for row in scored if row["split"] == "test"), key=lambda row: row["group"])
    found = [_video(known[group], list(rows)) for group, rows in groupby(test, key=lambda row: row["group"])]
    return tuple(sorted(found, key=lambda video: (video.consensus, video.video_id)))


def _video(video: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Video:
    return Video(
        video_id=video["video_id"],
        title=video["title"] or video["video_id"],
        url=video["url"] or "",
        n=len(rows),
        right=sum(row["label"] == row["predicted"] for row in rows),
        consensus=sum(_SIGN[row["label"]] for row in rows) / len(rows),
        predicted=sum(_SIGN[row["predicted"]] for row in rows) / len(rows),
    )
