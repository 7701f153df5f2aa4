"""Contact sheet: selected frames of a few utterances side by side, to show what the image network receives."""

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
"""Height of a frame in pixels."""
MAX_ROWS = 12
_NAME = "contact_sheet.parquet"
_GAP = 2
SHEET = pa.schema(
    [
        ("utterance_id", pa.string()),
        ("times_s", pa.list_(pa.float64())),
        ("entropies", pa.list_(pa.float64())),
        ("width", pa.int64()),
        ("height", pa.int64()),
        ("jpeg", pa.binary()),
    ]
)
"""One row per utterance; `jpeg`: its selected frames from left to right, `width` × `height` pixels."""


@dataclass(frozen=True)
class SheetEntry:
    """An utterance of the sheet."""

    utterance_id: str
    frames: VideoFrames


def spread(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return at most `MAX_ROWS` utterances, evenly spread over those sorted by id: other labels change nothing.

    Args:
        rows: utterances with `utterance_id`, in any order
    """
    ordered = sorted(rows, key=lambda row: str(row["utterance_id"]))
    n = min(MAX_ROWS, len(ordered))
    return [ordered[number * len(ordered) // n] for number in range(n)]


def write(folder: Path, entries: Iterable[SheetEntry]) -> None:
    """Write the sheet into the folder of a feature set.

    Args:
        folder: folder of the feature set
        entries: utterances, in the order of the sheet
    """
    tables.write(tables.from_rows([_row(entry) for entry in entries], SHEET), folder / _NAME, SHEET)


def read(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of `SHEET`; an empty list if there is no sheet.

    Args:
        folder: folder of the feature set
    """
    path = folder / _NAME
    rows: list[dict[str, Any]] = tables.read(path, SHEET).to_pylist() if path.is_file() else []
    return rows


def _row(entry: SheetEntry) -> dict[str, Any]:
    images = entry.frames.images
    gap = np.full((len(images), images.shape[1], _GAP, 3), 255, dtype=np.uint8)
    strip = np.concatenate(list(np.concatenate([images, gap], axis=2)), axis=1)[:, :-_GAP]
    # 4:2:0 chroma subsampling requires even dimensions
    even = strip[: len(strip) // 2 * 2, : strip.shape[1] // 2 * 2]
    return {
        "utterance_id": entry.utterance_id,
        "times_s": entry.frames.times_s.tolist(),
        "entropies": entry.frames.entropies.tolist(),
        "width": even.shape[1],
        "height": even.shape[0],
        "jpeg": jpeg(even),
    }


def jpeg(image: NDArray[np.uint8]) -> bytes:
    """Encode an image as JPEG; deterministic.

    Args:
        image: RGB, uint8, shape (height, width, 3), height and width even

    Example:
        >>> jpeg(np.zeros((90, 160, 3), np.uint8))[:2].hex()  # start-of-image marker
        'ffd8'
    """
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
