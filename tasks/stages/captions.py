"""Stage captions: every video's captions become utterances.

One per cue, or one per new line where captions roll; or, by `captions.segmentation`, one per sentence.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields

from tasks.captions import utterances
from tasks.core import paths, tables
from tasks.core.config import Captions, Config
from tasks.core.each import Each, Work, collect, write_rejects
from tasks.core.errors import Rejected
from tasks.core.memo import Reject, Result

CORPUS = "weak"
_MOST_DETAIL = 200


@dataclass(frozen=True)
class CaptionedVideo:
    """What the stage knows of a video, named as in the table of videos; paths are relative to the media folder."""

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
    """Only where utterances are fitted to the sound: elsewhere another sound makes no other utterances."""

    @property
    def id(self) -> str:
        """The video's id."""
        return self.video_id

    @property
    def content(self) -> str:
        """The captions' digest, the sound's if it is heard, and all that is carried into the utterances."""
        return json.dumps({name: value for name, value in vars(self).items() if name != "audio_sha256" or value})


def captions_one(item: CaptionedVideo, settings: Captions) -> Result:
    """Read one video's captions."""
    if item.captions is None or item.caption_format is None:
        raise Rejected("no captions")
    content = (paths.MEDIA / item.captions).read_bytes()
    found = utterances.read(content, item.caption_format, paths.MEDIA / item.audio, item.duration_s, settings)
    if not found.spoken and not found.lost:
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
            "start_s": said.start_ms / 1000,
            "end_s": said.end_ms / 1000,
            "text": said.text,
            **shared,
        }
        for turn, said in enumerate(found.spoken)
    ]
    rejects = (
        Reject(f"{CORPUS}/{item.id}/cue-{one.number:04d}", one.reason, one.detail[:_MOST_DETAIL]) for one in found.lost
    )
    return Result(tables.from_rows(rows, tables.UTTERANCES), tuple(rejects))


def run(config: Config, *, each: Each) -> None:
    """Read the captions of all videos into `data/captions/`."""
    heard = config.captions.segmentation == "sentence"
    names = [field.name for field in fields(CaptionedVideo) if heard or field.name != "audio_sha256"]
    videos = tables.read(paths.VIDEOS, tables.VIDEOS).sort_by("video_id").select(names)
    items = [CaptionedVideo(**row) for row in videos.to_pylist()]
    found = collect(each(Work("captions", captions_one, config.captions, tables.UTTERANCES), items), tables.UTTERANCES)
    tables.write(found.rows.sort_by("utterance_id"), paths.UTTERANCES, tables.UTTERANCES)
    write_rejects("captions", found.rejects)
