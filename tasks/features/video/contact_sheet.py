"""A contact sheet: the chosen frames of a few utterances side by side, for people to see what an image network sees."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.core import tables
from tasks.features.base.extractor import VideoFrames

HEIGHT = 90
"""Of a frame, in pixels."""
MOST = 12
_NAME = "contact_sheet.parquet"
_GAP = 2
SHEET = pa.schema(
    [
        ("utterance_id", pa.string()),
        ("emotion", pa.string()),
        ("times_s", pa.list_(pa.float64())),
        ("entropies", pa.list_(pa.float64())),
        ("width", pa.int64()),
        ("height", pa.int64()),
        ("jpeg", pa.binary()),
    ]
)
"""One row per shown utterance: its chosen frames from left to right in one JPEG, `width` × `height` pixels."""


@dataclass(frozen=True)
class SheetEntry:
    """An utterance of the sheet; `emotion` is "" where it has none."""

    utterance_id: str
    emotion: str
    seen: VideoFrames


def first_per_emotion(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the first utterance of each emotion, by id; of a corpus without emotions the first few."""
    ordered = sorted(rows, key=lambda row: (row["emotion"] or "", row["utterance_id"]))
    first = {row["emotion"]: row for row in reversed(ordered) if row["emotion"]}
    return [first[one] for one in sorted(first)][:MOST] or ordered[:MOST]


def write(folder: Path, shown: Iterable[SheetEntry]) -> None:
    """Write the sheet into a folder of features."""
    tables.write(tables.from_rows([_row(one) for one in shown], SHEET), folder / _NAME, SHEET)


def read(folder: Path) -> list[dict[str, Any]]:
    """Return the sheet's rows; none where there is no sheet."""
    path = folder / _NAME
    found: list[dict[str, Any]] = tables.read(path, SHEET).to_pylist() if path.is_file() else []
    return found


def _row(one: SheetEntry) -> dict[str, Any]:
    images = one.seen.images
    gap = np.full((len(images), images.shape[1], _GAP, 3), 255, dtype=np.uint8)
    strip = np.concatenate(list(np.concatenate([images, gap], axis=2)), axis=1)[:, :-_GAP]
    # JPEG keeps a colour for two pixels by two
    even = strip[: len(strip) // 2 * 2, : strip.shape[1] // 2 * 2]
    return {
        "utterance_id": one.utterance_id,
        "emotion": one.emotion or None,
        "times_s": one.seen.times_s.tolist(),
        "entropies": one.seen.entropies.tolist(),
        "width": even.shape[1],
        "height": even.shape[0],
        "jpeg": jpeg(even),
    }


def jpeg(image: NDArray[np.uint8]) -> bytes:
    """Return an RGB picture, shape (height, width, 3), both even, as JPEG; the same bytes every time."""
    import av

    context: Any = av.CodecContext.create("mjpeg", "w")
    context.height, context.width = image.shape[:2]
    context.pix_fmt, context.time_base = "yuvj420p", Fraction(1, 1)
    context.options = {"qmin": "4", "qmax": "4", "flags": "+bitexact"}
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24").reformat(format="yuvj420p")
    frame.pts = 0
    sink = io.BytesIO()
    for packet in (*context.encode(frame), *context.encode(None)):
        sink.write(bytes(packet))
    return sink.getvalue()
