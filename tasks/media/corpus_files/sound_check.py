"""How a corpus's sound is heard: decoded once, and measured: level, clipping, silence, what duplicates are found by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.core.config import Section
from tasks.core.errors import AudioError, Rejected
from tasks.core.memo import Reject, Result
from tasks.media import decode
from tasks.media.corpus_files.files import MediaFile, Span
from tasks.media.fingerprint import identity

FULL_SCALE = 32_768
SILENT_DBFS = -60.0
_FRAME_S = 0.02
_GRID_S = 0.05
"""Times are rounded in most corpora: a span may end this much after the sound."""


def hear_one(item: MediaFile, _: Section) -> Result:
    """Decode one media file and measure each utterance in it.

    Raises:
        Rejected: if the file cannot be decoded, or holds no sound
    """
    path = item.whole_path
    try:
        samples = decode.samples(path)
        kind = decode.described(path)
    except AudioError as error:
        raise Rejected(decode.reason(error), str(error)) from None
    rows, rejects = [], []
    whole_s = samples.size / decode.RATE_HZ
    for span, part in parts(item, samples):
        if part.size == 0 or (span.end_s or 0.0) > whole_s + _GRID_S:
            detail = f"{item.path}: {span.start_s} to {span.end_s} s, the sound is {whole_s:.3f} s long"
            rejects.append(Reject(span.utterance_id, "broken timestamps", detail))
            continue
        known = {"utterance_id": span.utterance_id, "audio": item.path, "sha256": item.sha256}
        rows.append({**known, **kind, **measured(part, decode.RATE_HZ)})
    return Result(tables.from_rows(rows, tables.SOUNDS), tuple(rejects))


def parts(item: MediaFile, samples: NDArray[np.int16]) -> Iterator[tuple[Span, NDArray[np.int16]]]:
    """Yield every utterance of a file with its part of the samples, shape (n,); empty where the times leave none."""
    for span in item.spans:
        end = samples.size if span.end_s is None else round(span.end_s * decode.RATE_HZ)
        yield span, samples[round((span.start_s or 0.0) * decode.RATE_HZ) : end]


def measured(samples: NDArray[np.int16], rate_hz: int) -> dict[str, Any]:
    """Return what is known of an utterance's sound, columns of `tables.SOUNDS`.

    Args:
        samples: mono, 16 bit, shape (n_samples,)
        rate_hz: their sampling rate

    Returns:
        `duration_s`; `peak_dbfs` and `level_dbfs` (root mean square), None for digital silence; `clipped_share` of the
        samples at full scale; `silent_share` of 20 ms frames below −60 dBFS; `samples_sha256`; `fingerprint`
    """
    signal = samples.astype(np.float64) / FULL_SCALE
    n_frame = round(_FRAME_S * rate_hz)
    frames = signal[: signal.size // n_frame * n_frame].reshape(-1, n_frame)
    quiet = np.sqrt((frames**2).mean(axis=1)) < 10 ** (SILENT_DBFS / 20) if len(frames) else np.ones(1)
    return {
        "duration_s": samples.size / rate_hz,
        "peak_dbfs": _dbfs(np.abs(signal).max(initial=0.0)),
        "level_dbfs": _dbfs(np.sqrt((signal**2).mean()) if signal.size else 0.0),
        "clipped_share": float((np.abs(samples.astype(np.int32)) >= FULL_SCALE - 1).mean()) if signal.size else 0.0,
        "silent_share": float(quiet.mean()),
        **identity(samples, rate_hz),
    }


def _dbfs(value: float) -> float | None:
    return float(20 * np.log10(value)) if value > 0 else None
