"""Check that a corpus's videos can be decoded; record their size and frame rate."""

from __future__ import annotations

from tasks.core import tables
from tasks.core.config import Section
from tasks.core.errors import AudioError, Rejected
from tasks.core.results import Reject, Result
from tasks.media import decode, frames
from tasks.media.corpus_files.media_files import MediaFile
from tasks.media.frames import VideoError

_GRID_S = 0.05
"""A span must start this much before the video's end: most corpora round their times."""


def check_video_one(item: MediaFile, _: Section) -> Result:
    """Decode the first frame of one video.

    Args:
        item: a file with video

    Raises:
        Rejected: if the file cannot be read, or no frame can be decoded
    """
    try:
        video_format = frames.video_format(item.whole_path)
    except VideoError as error:
        raise Rejected("no picture", str(error)) from None
    except AudioError as error:
        raise Rejected(decode.reject_reason(error), str(error)) from None
    duration_s, rows, rejects = video_format["duration_s"], [], []
    for span in item.spans:
        if duration_s is not None and (span.start_s or 0.0) > duration_s - _GRID_S and span.start_s:
            detail = f"{item.path}: from {span.start_s} s on, the video is {duration_s:.3f} s long"
            rejects.append(Reject(span.utterance_id, "broken timestamps", detail))
            continue
        rows.append({"utterance_id": span.utterance_id, "video": item.path, "sha256": item.sha256, **video_format})
    return Result(tables.from_rows(rows, tables.PICTURES), tuple(rejects))
