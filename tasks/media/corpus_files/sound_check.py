"""Decode a corpus's sound and measure each utterance: level, clipping, silence, speech, noise, digest, fingerprint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.core import sound_files, tables
from tasks.core.config import Section
from tasks.core.each import Work
from tasks.core.errors import AudioError, Rejected
from tasks.core.results import Reject, Result
from tasks.media import decode, speech_presence
from tasks.media.corpus_files.media_files import MediaFile, UtteranceSpan
from tasks.media.fingerprint import copy_detection_columns
from tasks.media.segments import cutting

CHECKS = pa.schema([*tables.SOUNDS, *(column for column in tables.SIGNALS if column.name not in tables.SOUNDS.names)])
"""Columns of `tables.SOUNDS` and `tables.SIGNALS`."""
FULL_SCALE = 32_768
SILENT_DBFS = -60.0
_FRAME_S = 0.02
_END_S = 0.05
_GRID_S = 0.05
"""Tolerance for spans that end after the sound: most corpora round their times."""


def work(corpus: str) -> Work:
    """Return the work of checking a corpus's sound, of the stage `corpus@NAME`.

    Args:
        corpus: its name
    """
    # a bug in a file's sound counts once its video was checked, too
    return Work(f"corpus@{corpus}", check_sound_one, Section(), CHECKS, reads=MediaFile.reads, fails_later=True)


def check_sound_one(item: MediaFile, _: Section) -> Result:
    """Decode one media file and measure each of its utterances.

    Args:
        item: a file with sound

    Raises:
        Rejected: if the file cannot be decoded, or contains no sound
    """
    try:
        with opened(item) as sound:
            return checked(item, sound)
    except AudioError as error:
        raise Rejected(decode.reject_reason(error), str(error)) from None


@dataclass(frozen=True)
class CorpusSound:
    """The sound of a media file.

    Args:
        sound_format: `container`, `rate_hz` and `channels` before decoding
        duration_s: of the whole file
        utterances: every utterance of the file with its samples at 16 kHz, mono, 16 bit, shape (n,); n is 0 if its
            times lie outside the sound
    """

    sound_format: Mapping[str, str | int]
    duration_s: float
    utterances: Iterable[tuple[UtteranceSpan, NDArray[np.int16]]]

    @classmethod
    def of_ours(cls, sound: Any, utterances: Iterable[tuple[UtteranceSpan, NDArray[np.int16]]]) -> CorpusSound:
        """Describe a file of ours.

        Args:
            sound: the open file
            utterances: as in the class
        """
        sound_format = {"container": "flac", "rate_hz": sound.samplerate, "channels": sound.channels}
        return cls(sound_format, sound.frames / sound.samplerate, utterances)


@contextmanager
def opened(item: MediaFile) -> Iterator[CorpusSound]:
    """Decode a media file, or open a file of ours, of which one utterance at a time is in memory.

    Args:
        item: a file with sound

    Raises:
        AudioError: if the file cannot be decoded, or is damaged
    """
    if not item.is_ours:
        samples, sound_format = decode.samples_and_format(item.whole_path)
        yield CorpusSound(sound_format, samples.size / decode.RATE_HZ, _parts(item, samples))
        return
    with sound_files.opened(item.whole_path) as sound:
        yield CorpusSound.of_ours(sound, _cut(item, sound))


def _parts(item: MediaFile, samples: NDArray[np.int16]) -> Iterator[tuple[UtteranceSpan, NDArray[np.int16]]]:
    for span in item.spans:
        end = samples.size if span.end_s is None else round(span.end_s * decode.RATE_HZ)
        yield span, samples[round((span.start_s or 0.0) * decode.RATE_HZ) : end]


def _cut(item: MediaFile, sound: Any) -> Iterator[tuple[UtteranceSpan, NDArray[np.int16]]]:
    # the samples of stage segments, on its grid of milliseconds
    whole_ms = round(1000 * sound.frames / sound.samplerate)
    for span in item.spans:
        end_ms = whole_ms if span.end_s is None else min(round(span.end_s * 1000), whole_ms)
        start_ms = min(round((span.start_s or 0.0) * 1000), end_ms)
        yield span, cutting.stream_cut(sound, start_ms, end_ms)


def checked(item: MediaFile, sound: CorpusSound, copies: Mapping[str, Mapping[str, Any]] | None = None) -> Result:
    """Measure every utterance of a media file.

    Args:
        item: the file
        sound: its sound
        copies: columns of copy detection by utterance, where they are computed already

    Returns:
        rows of schema `CHECKS`, and rejects
    """
    rows, rejects = [], []
    channels = _channel_levels(item.whole_path) if sound.sound_format["channels"] == 2 else {}
    for span, part in sound.utterances:
        if part.size == 0 or (span.end_s or 0.0) > sound.duration_s + _GRID_S:
            detail = f"{item.path}: {span.start_s} to {span.end_s} s, the sound is {sound.duration_s:.3f} s long"
            rejects.append(Reject(span.utterance_id, "broken timestamps", detail))
            continue
        source = {"utterance_id": span.utterance_id, "audio": item.path, "sha256": item.sha256}
        measured = measure(part, decode.RATE_HZ, (copies or {}).get(span.utterance_id))
        rows.append({**source, **sound.sound_format, **channels, **measured})
    return Result(tables.from_rows(rows, CHECKS), tuple(rejects))


def _channel_levels(path: Path) -> dict[str, float | None]:
    # the file could be decoded: without these levels it is as good
    with suppress(AudioError):
        return {f"{name}_dbfs": _dbfs(level) for name, level in (decode.channel_levels(path) or {}).items()}
    return {}


def measure(samples: NDArray[np.int16], rate_hz: int, copies: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Measure an utterance's sound: columns of `CHECKS`.

    Args:
        samples: mono, 16 bit, shape (n_samples,)
        rate_hz: sampling rate, 16 kHz
        copies: columns of copy detection, if they are computed already

    Returns:
        `duration_s`; `peak_dbfs`, `level_dbfs` (root mean square) and `end_dbfs` (of the last 50 ms), None for digital
        silence; `clipped_share` of the samples at full scale; `silent_share` of 20 ms frames below −60 dBFS;
        `speech_s`, `speech_share` and `snr_db` as of `speech_presence`; `samples_sha256`; `fingerprint`
    """
    signal = samples.astype(np.float64) / FULL_SCALE
    # an incomplete last frame is ignored
    n_frame = round(_FRAME_S * rate_hz)
    frames = signal[: signal.size // n_frame * n_frame].reshape(-1, n_frame)
    quiet = np.sqrt((frames**2).mean(axis=1)) < 10 ** (SILENT_DBFS / 20) if len(frames) else np.ones(1)
    return {
        "duration_s": samples.size / rate_hz,
        "peak_dbfs": _dbfs(np.abs(signal).max(initial=0.0)),
        "level_dbfs": _level_dbfs(signal),
        "end_dbfs": _level_dbfs(signal[-round(_END_S * rate_hz) :]),
        # int32: the absolute value of -32768 does not fit into 16 bits
        "clipped_share": float((np.abs(samples.astype(np.int32)) >= FULL_SCALE - 1).mean()) if signal.size else 0.0,
        "silent_share": float(quiet.mean()),
        **speech_presence.measure(signal)._asdict(),
        **(copies or copy_detection_columns(samples, rate_hz)),
    }


def _level_dbfs(signal: NDArray[np.float64]) -> float | None:
    return _dbfs(np.sqrt((signal**2).mean()) if signal.size else 0.0)


def _dbfs(value: float) -> float | None:
    return float(20 * np.log10(value)) if value > 0 else None
