"""Stage captions: split every video's captions into utterances.

One per cue (rolling captions: per new line), or, with `captions.segmentation: sentence`, one per sentence.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields

from tasks.captions import utterances
from tasks.core import paths, tables
from tasks.core.config import Captions, Config
from tasks.core.each import Each, Work, collect, write_rejects
from tasks.core.errors import Rejected
from tasks.core.results import Reject, Result

CORPUS = "weak"
_MAX_DETAIL = 2_000
"""Details of lost text contain its words."""


@dataclass(frozen=True)
class CaptionedVideo:
    """A video and its captions, columns of the videos table; paths are relative to the media folder."""

    video_id: str
    split: str
    audio: str
    duration_s: float
    captions: str | None
    caption_kind: str | None
    caption_format: str | None
    captions_sha256: str | None
    language: str | None
    licence: str | None
    audio_sha256: str | None = None
    """Set only if words are aligned with the sound: without alignment, utterances do not depend on it."""

    @property
    def id(self) -> str:
        """The video's id."""
        return self.video_id

    @property
    def content(self) -> str:
        """The captions' digest, the sound's if it is read, and all columns that are copied to the utterances."""
        return json.dumps({name: value for name, value in vars(self).items() if name != "audio_sha256" or value})


def captions_one(item: CaptionedVideo, settings: Captions) -> Result:
    """Split one video's captions into utterances.

    Args:
        item: the video
        settings: how captions are split

    Raises:
        Rejected: if it has no captions, or the file has no cue or cannot be read
    """
    if item.captions is None or item.caption_format is None:
        raise Rejected("no captions")
    content = (paths.MEDIA / item.captions).read_bytes()
    parsed = utterances.read(content, item.caption_format, paths.MEDIA / item.audio, item.duration_s, settings)
    if not parsed.spoken and not parsed.unused:
        raise Rejected("no cues", f"{len(content)} bytes of {item.caption_format}")
    shared = {
        "corpus": CORPUS,
        "language": item.language,
        "group": item.id,
        "audio": item.audio,
        "text_source": item.caption_kind,
        "split": item.split,
        "licence": item.licence,
    }
    rows = [
        {
            "utterance_id": f"{CORPUS}/{item.id}/{turn:04d}",
            "turn": turn,
            "start_s": span.start_ms / 1000,
            "end_s": span.end_ms / 1000,
            "text": span.text,
            **shared,
        }
        for turn, span in enumerate(parsed.spoken)
    ]
    rejects = (
        Reject(f"{CORPUS}/{item.id}/cue-{cue.number:04d}", cue.reason, cue.detail[:_MAX_DETAIL])
        for cue in parsed.unused
    )
    return Result(tables.from_rows(rows, tables.UTTERANCES), tuple(rejects))


def run(config: Config, *, each: Each) -> None:
    """Split the captions of all videos; write `utterances.parquet` and `rejected.parquet` in `data/captions/`."""
    # without alignment, audio_sha256 stays out of the cache key: new sound does not change the utterances
    aligned = config.captions.segmentation == "sentence"
    names = [field.name for field in fields(CaptionedVideo) if aligned or field.name != "audio_sha256"]
    videos = tables.read(paths.VIDEOS, tables.VIDEOS).sort_by("video_id").select(names)
    items = [CaptionedVideo(**row) for row in videos.to_pylist()]
    work = Work("captions", captions_one, config.captions, tables.UTTERANCES)
    result = collect(each(work, items), tables.UTTERANCES)
    tables.write(result.rows.sort_by("utterance_id"), paths.UTTERANCES, tables.UTTERANCES)
    write_rejects("captions", result.rejects)
