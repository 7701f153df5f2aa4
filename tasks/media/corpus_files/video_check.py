"""What is known of a corpus's videos before any is used: that frames can be decoded, and what size they have."""

from __future__ import annotations

from tasks.core import tables
from tasks.core.config import Section
from tasks.core.errors import AudioError, Rejected
from tasks.core.memo import Reject, Result
from tasks.media import decode, frames
from tasks.media.corpus_files.files import MediaFile
from tasks.media.frames import VideoError

_GRID_S = 0.05
"""Times are rounded in most corpora: a span may begin this much before the end of the last frame."""


def see_one(item: MediaFile, _: Section) -> Result:
    """Open one video and decode its first frame.

    Raises:
        Rejected: if the file cannot be read, or holds no picture that can be decoded
    """
    try:
        known = frames.described(item.whole_path)
    except VideoError as error:
        raise Rejected("no picture", str(error)) from None
    except AudioError as error:
        raise Rejected(decode.reason(error), str(error)) from None
    duration_s, rows, rejects = known["duration_s"], [], []
    for span in item.spans:
        if duration_s is not None and (span.start_s or 0.0) > duration_s - _GRID_S and span.start_s:
            detail = f"{item.path}: from {span.start_s} s on, the video is {duration_s:.3f} s long"
            rejects.append(Reject(span.utterance_id, "broken timestamps", detail))
            continue
        rows.append({"utterance_id": span.utterance_id, "video": item.path, "sha256": item.sha256, **known})
    return Result(tables.from_rows(rows, tables.PICTURES), tuple(rejects))
