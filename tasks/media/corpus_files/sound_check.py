"""Decode a corpus's sound and measure each utterance: level, clipping, silence, digest and fingerprint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.core import tables
from tasks.core.config import Section
from tasks.core.errors import AudioError, Rejected
from tasks.core.results import Reject, Result
from tasks.media import decode
from tasks.media.corpus_files.media_files import MediaFile, UtteranceSpan
from tasks.media.fingerprint import copy_detection_columns

CHECKS = pa.schema([*tables.SOUNDS, *(column for column in tables.SIGNALS if column.name not in tables.SOUNDS.names)])
"""Columns of `tables.SOUNDS` and `tables.SIGNALS`."""
FULL_SCALE = 32_768
SILENT_DBFS = -60.0
_FRAME_S = 0.02
_END_S = 0.05
_GRID_S = 0.05
"""Tolerance for spans that end after the sound: most corpora round their times."""


def check_sound_one(item: MediaFile, _: Section) -> Result:
    """Decode one media file and measure each of its utterances.

    Args:
        item: a file with sound

    Raises:
        Rejected: if the file cannot be decoded, or contains no sound
    """
    path = item.whole_path
    try:
        samples, sound_format = decode.samples_and_format(path)
    except AudioError as error:
        raise Rejected(decode.reject_reason(error), str(error)) from None
    rows, rejects = [], []
    whole_s = samples.size / decode.RATE_HZ
    channels = _channel_levels(path) if sound_format["channels"] == 2 else {}
    for span, part in utterance_samples(item, samples):
        if part.size == 0 or (span.end_s or 0.0) > whole_s + _GRID_S:
            detail = f"{item.path}: {span.start_s} to {span.end_s} s, the sound is {whole_s:.3f} s long"
            rejects.append(Reject(span.utterance_id, "broken timestamps", detail))
            continue
        source = {"utterance_id": span.utterance_id, "audio": item.path, "sha256": item.sha256}
        rows.append({**source, **sound_format, **channels, **measure(part, decode.RATE_HZ)})
    return Result(tables.from_rows(rows, CHECKS), tuple(rejects))


def _channel_levels(path: Path) -> dict[str, float | None]:
    # the file could be decoded: without these levels it is as good
    with suppress(AudioError):
        return {f"{name}_dbfs": _dbfs(level) for name, level in (decode.channel_levels(path) or {}).items()}
    return {}


def utterance_samples(item: MediaFile, samples: NDArray[np.int16]) -> Iterator[tuple[UtteranceSpan, NDArray[np.int16]]]:
    """Yield every utterance of a file with its samples, shape (n,); n is 0 if its times lie outside the sound.

    Args:
        item: the file
        samples: its sound as decoded, shape (n_samples,)
    """
    for span in item.spans:
        end = samples.size if span.end_s is None else round(span.end_s * decode.RATE_HZ)
        yield span, samples[round((span.start_s or 0.0) * decode.RATE_HZ) : end]


def measure(samples: NDArray[np.int16], rate_hz: int) -> dict[str, Any]:
    """Measure an utterance's sound: columns of `CHECKS`.

    Args:
        samples: mono, 16 bit, shape (n_samples,)
        rate_hz: sampling rate

    Returns:
        `duration_s`; `peak_dbfs`, `level_dbfs` (root mean square) and `end_dbfs` (of the last 50 ms), None for digital
        silence; `clipped_share` of the samples at full scale; `silent_share` of 20 ms frames below −60 dBFS;
        `samples_sha256`; `fingerprint`
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
        **copy_detection_columns(samples, rate_hz),
    }


def _level_dbfs(signal: NDArray[np.float64]) -> float | None:
    return _dbfs(np.sqrt((signal**2).mean()) if signal.size else 0.0)


def _dbfs(value: float) -> float | None:
    return float(20 * np.log10(value)) if value > 0 else None
