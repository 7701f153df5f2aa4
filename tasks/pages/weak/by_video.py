"""Results per test video: utterances, correct predictions, and mean labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

_SIGN = {"negative": -1, "neutral": 0, "positive": 1}


class VideoResult(NamedTuple):
    """A test video: its scored utterances, how many are predicted correctly, and its mean labels as −1, 0 and 1."""

    video_id: str
    title: str
    url: str
    n: int
    right: int
    consensus: float
    predicted: float

    @property
    def accuracy(self) -> float:
        """Share of correct predictions."""
        return self.right / self.n


def test_videos(scored: Iterable[Mapping[str, Any]], videos: Iterable[Mapping[str, Any]]) -> tuple[VideoResult, ...]:
    """Return the test videos with scored utterances, from the most negative consensus to the most positive.

    Args:
        scored: predictions with group, label and predicted class
        videos: rows of VIDEOS
    """
    by_id = {video["video_id"]: video for video in videos}
    test = sorted(scored, key=lambda row: row["group"])
    results = [_video(by_id[group], list(rows)) for group, rows in groupby(test, key=lambda row: row["group"])]
    return tuple(sorted(results, key=lambda video: (video.consensus, video.video_id)))


def evenly(videos: Sequence[VideoResult], most: int) -> Sequence[VideoResult]:
    """Return all videos, or every n-th if there are too many.

    Args:
        videos: in any order
        most: number of videos to return at most
    """
    return videos if len(videos) <= most else [videos[k * len(videos) // most] for k in range(most)]


def _video(video: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> VideoResult:
    return VideoResult(
        video_id=video["video_id"],
        title=video["title"] or video["video_id"],
        url=video["url"] or "",
        n=len(rows),
        right=sum(row["label"] == row["predicted"] for row in rows),
        consensus=sum(_SIGN[row["label"]] for row in rows) / len(rows),
        predicted=sum(_SIGN[row["predicted"]] for row in rows) / len(rows),
    )
