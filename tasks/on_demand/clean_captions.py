"""Clean a caption file as the stage `captions` does, without a project, and write it in another format.

Imports no table, settings or array library: an hour of captions takes less than 0.6 s, with the start of Python.
"""

from __future__ import annotations

import csv
import html
import io
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.captions import caption_file, utterances
from tasks.captions.caption_file import ParsedCaptions
from tasks.captions.clean import spoken_text
from tasks.captions.cue import SpokenSpan
from tasks.core.errors import AudioError, InputError, Rejected

_LONGEST_SOUND_S = 24 * 3600.0


@dataclass(frozen=True)
class CleaningRules:
    """Values of the section `captions` in the shipped params.yaml: a command without a project has no settings."""

    segmentation: str = "cue"
    max_overrun_s: float = 0.5
    longest_s: float = 12.0
    pause_s: float = 0.5
    long_pause_s: float = 2.0


def clean(content: bytes, name: str, *, by_sentence: bool = False, audio: Path | None = None) -> ParsedCaptions:
    """Return the utterances of a caption file, and the cues that were left out.

    Args:
        content: the file
        name: its name; an unusual extension is ignored, and the content decides
        by_sentence: whether utterances are sentences
        audio: the sound that belongs to it; without it, nothing is cut at the end, and times are those of the captions

    Raises:
        InputError: if the captions or the sound cannot be read, or the file has no cue
    """
    rules = CleaningRules("sentence" if by_sentence else "cue")
    try:
        caption_format = caption_file.format_of(content, name)
        if audio is None:
            cleaned = utterances.read(content, caption_format, None, None, rules)
        else:
            cleaned = _with_sound(content, caption_format, audio, rules)
    except Rejected as error:
        raise InputError(f"{name}: {error}") from None
    if not cleaned.spoken and not cleaned.unused:
        raise InputError(f"{name}: no cues in {len(content)} bytes of {caption_format}")
    return cleaned


def write(spans: Sequence[SpokenSpan], caption_format: str) -> str:
    """Return utterances as a file.

    Args:
        spans: utterances in order
        caption_format: one of `WRITERS`
    """
    return WRITERS[caption_format](spans)


def _with_sound(content: bytes, caption_format: str, audio: Path, rules: CleaningRules) -> ParsedCaptions:
    from tasks.media.decode import to_flac

    if not audio.is_file():
        raise InputError(f"{audio}: there is no such file; expected a media file")
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "sound.flac"
        try:
            duration_s = to_flac(audio, sound, max_duration_s=_LONGEST_SOUND_S)
        except AudioError as error:
            raise InputError(f"{audio}: {error}") from None
        return utterances.read(content, caption_format, sound, duration_s, rules)


def _srt(spans: Sequence[SpokenSpan]) -> str:
    blocks = (
        f"{number}\n{_clock(span.start_ms, ',')} --> {_clock(span.end_ms, ',')}\n{_unmarked(span.text)}\n"
        for number, span in enumerate(spans, start=1)
    )
    return "\n".join(blocks)


def _unmarked(text: str) -> str:
    """Return text for SubRip, which has no escapes, so that none of it looks like a time line or markup."""
    plain = text.replace("-->", "->")
    escaped = html.escape(plain, quote=False)
    # players show entities as they are: as few as possible
    forms = (plain, plain.replace("<", "&lt;"), escaped)
    return next((form for form in forms if spoken_text([form]) == plain), escaped)


def _vtt(spans: Sequence[SpokenSpan]) -> str:
    blocks = (
        f"{_clock(span.start_ms, '.')} --> {_clock(span.end_ms, '.')}\n{html.escape(span.text, quote=False)}\n"
        for span in spans
    )
    return "\n".join(["WEBVTT\n", *blocks])


def _txt(spans: Sequence[SpokenSpan]) -> str:
    return "".join(f"{span.text}\n" for span in spans)


def _csv(spans: Sequence[SpokenSpan]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["start_s", "end_s", "text"])
    writer.writerows([f"{span.start_ms / 1000:.3f}", f"{span.end_ms / 1000:.3f}", span.text] for span in spans)
    return file.getvalue()


def _json(spans: Sequence[SpokenSpan]) -> str:
    rows = (
        json.dumps(
            {"start_s": span.start_ms / 1000, "end_s": span.end_ms / 1000, "text": span.text}, ensure_ascii=False
        )
        for span in spans
    )
    return "[\n" + ",\n".join(rows) + "\n]\n" if spans else "[]\n"


def _clock(time_ms: int, separator: str) -> str:
    seconds, milliseconds = divmod(time_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{separator}{milliseconds:03}"


WRITERS: dict[str, Callable[[Sequence[SpokenSpan]], str]] = {
    "srt": _srt,
    "vtt": _vtt,
    "txt": _txt,
    "csv": _csv,
    "json": _json,
}
