"""Stage captions: split every video's captions, or its recognised words, into utterances.

One per cue (rolling captions: per new line), or, with `captions.segmentation: sentence`, one per sentence. Recognised
words (`transcribe.when`) have no cues: an utterance is a sentence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from tasks.captions import utterances
from tasks.captions.caption_file import ParsedCaptions
from tasks.captions.cue import CaptionWord
from tasks.core import paths, tables
from tasks.core.config import Captions, Config
from tasks.core.each import Each, Work, collect, write_rejects
from tasks.core.errors import Rejected
from tasks.core.item_files import ItemFile
from tasks.core.results import Reject, Result

CORPUS = "weak"
RECOGNISED = "recognised"
"""`text_source` of utterances whose words were recognised."""
NO_WORD = "no recognised words"
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
    recognised: tuple[tuple[str, int, int], ...] | None = None
    """Recognised words with start and end in ms, if they are used; the language is theirs then."""

    @property
    def id(self) -> str:
        """The video's id."""
        return self.video_id

    @property
    def content(self) -> str:
        """The captions' digest, the sound's if it is read, recognised words, and all columns that are copied."""
        optional = ("audio_sha256", "recognised")
        return json.dumps(
            {name: value for name, value in vars(self).items() if name not in optional or value is not None}
        )

    def reads(self) -> tuple[ItemFile, ...]:
        """Return the captions, and the sound if words are aligned with it."""
        files = ((self.captions, self.captions_sha256), (self.audio, self.audio_sha256))
        return tuple(ItemFile(paths.MEDIA / name, sha256) for name, sha256 in files if name and sha256)


def captions_one(item: CaptionedVideo, settings: Captions) -> Result:
    """Split one video's captions, or its recognised words, into utterances.

    Args:
        item: the video
        settings: how captions are split

    Raises:
        Rejected: if it has neither captions nor recognised words, or the file has no cue or cannot be read
    """
    parsed = _captioned(item, settings) if item.recognised is None else _recognised(item, settings)
    shared = {
        "corpus": CORPUS,
        "language": item.language,
        "group": item.id,
        "audio": item.audio,
        "text_source": item.caption_kind if item.recognised is None else RECOGNISED,
        "split": item.split,
        "licence": item.licence,
    }
    columns: dict[str, Sequence[Any]] = {
        "utterance_id": [f"{CORPUS}/{item.id}/{turn:04d}" for turn in range(len(parsed.spoken))],
        "turn": range(len(parsed.spoken)),
        "start_s": [span.start_ms / 1000 for span in parsed.spoken],
        "end_s": [span.end_ms / 1000 for span in parsed.spoken],
        "text": [span.text for span in parsed.spoken],
    }
    rejects = (
        Reject(f"{CORPUS}/{item.id}/cue-{cue.number:04d}", cue.reason, cue.detail[:_MAX_DETAIL])
        for cue in parsed.unused
    )
    return Result(tables.from_columns(columns, shared, tables.UTTERANCES), tuple(rejects))


def run(config: Config, *, each: Each) -> None:
    """Split the captions of all videos; write `utterances.parquet` and `rejected.parquet` in `data/captions/`."""
    # without alignment, audio_sha256 stays out of the cache key: new sound does not change the utterances
    aligned = config.captions.segmentation == "sentence"
    of_items = [field.name for field in fields(CaptionedVideo) if field.name != "recognised"]
    videos = tables.read(paths.VIDEOS, tables.VIDEOS).sort_by("video_id").select(of_items).to_pylist()
    settings = config.transcribe
    words = _recognised_words() if settings.is_on else {}
    items = [
        _with_words(row, words.get(row["video_id"], []))
        if settings.when == "always" or (settings.is_on and row["captions"] is None)
        else CaptionedVideo(**{**row, "audio_sha256": row["audio_sha256"] if aligned else None})
        for row in videos
    ]
    work = Work("captions", captions_one, config.captions, tables.UTTERANCES, reads=CaptionedVideo.reads)
    result = collect(each(work, items), tables.UTTERANCES)
    tables.write(tables.in_order(result.rows, "utterance_id"), paths.UTTERANCES, tables.UTTERANCES)
    write_rejects("captions", result.rejects)


def _captioned(item: CaptionedVideo, settings: Captions) -> ParsedCaptions:
    if item.captions is None or item.caption_format is None:
        raise Rejected("no captions")
    content = (paths.MEDIA / item.captions).read_bytes()
    parsed = utterances.read(content, item.caption_format, paths.MEDIA / item.audio, item.duration_s, settings)
    if not parsed.spoken and not parsed.unused:
        raise Rejected("no cues", f"{len(content)} bytes of {item.caption_format}")
    return parsed


def _recognised(item: CaptionedVideo, settings: Captions) -> ParsedCaptions:
    words = [CaptionWord(text, start_ms, end_ms) for text, start_ms, end_ms in item.recognised or ()]
    parsed = utterances.of_words(words, paths.MEDIA / item.audio, item.duration_s, settings)
    if not parsed.spoken:
        raise Rejected(NO_WORD)
    return parsed


def _recognised_words() -> dict[str, list[dict[str, Any]]]:
    by_video: dict[str, list[dict[str, Any]]] = {}
    for row in tables.read(paths.WORDS, tables.WORDS).to_pylist():
        by_video.setdefault(row["video_id"], []).append(row)
    return by_video


def _with_words(video: Mapping[str, Any], words: Sequence[Mapping[str, Any]]) -> CaptionedVideo:
    """Return a video whose captions, if it has any, are not used."""
    spoken = tuple((word["text"], round(word["start_s"] * 1000), round(word["end_s"] * 1000)) for word in words)
    own = dict.fromkeys(("captions", "caption_kind", "caption_format", "captions_sha256"))
    language = words[0]["language"] if words else video["language"]
    return CaptionedVideo(**{**video, **own, "language": language, "recognised": spoken})
