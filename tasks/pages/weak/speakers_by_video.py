"""Speakers of each video: their number, their shares of the speech, and the share of the video that is speech."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, NamedTuple


class VideoSpeakers(NamedTuple):
    """The speakers of a video, who speaks most first.

    `shares`: person, name in the captions ("" for none), and share of the video's speech; `speech_share`: share of the
    video's duration in which anyone speaks.
    """

    video_id: str
    shares: tuple[tuple[str, str, float], ...]
    speech_share: float


def speakers(voices: Iterable[Mapping[str, Any]]) -> tuple[VideoSpeakers, ...]:
    """Return the speakers of each video, sorted by the video's id.

    Args:
        voices: rows of `SPEAKER_VOICES`
    """
    ordered = sorted(voices, key=lambda row: (row["video_id"], -row["speech_s"], row["voice"]))
    by_video = groupby(ordered, key=lambda row: row["video_id"])
    return tuple(_video(video_id, list(rows)) for video_id, rows in by_video)


def n_persons(videos: Iterable[VideoSpeakers]) -> int:
    """Return the number of different persons of all videos.

    Args:
        videos: from `speakers`
    """
    return len({person for video in videos for person, _, _ in video.shares})


def _video(video_id: str, rows: list[Mapping[str, Any]]) -> VideoSpeakers:
    total_s = sum(row["speech_s"] for row in rows)
    shares = tuple((row["speaker"], row["name"] or "", row["speech_s"] / total_s) for row in rows)
    return VideoSpeakers(video_id, shares, sum(row["speech_share"] for row in rows))
