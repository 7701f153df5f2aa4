"""Export labelled segments as sound files, a folder per label."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import artifacts, paths, tables
from tasks.core.errors import InputError
from tasks.media.segments.cutting import pydub_sound
from tasks.media.segments.reader import samples

FORMATS = ("wav", "mp3", "ogg", "flac")
_CODECS = {"mp3": "libmp3lame", "ogg": "libvorbis"}
"""For ffmpeg, whose default codec of a container depends on how it was built."""
_ROWS_AT_ONCE = 64
Writer = Callable[[Path, NDArray[np.int16], int], None]


def export(folder: Path, labels: Mapping[str, str], audio_format: str = "wav") -> int:
    """Write labelled segments into a folder per label.

    Args:
        folder: where `negative/`, `neutral/` and `positive/` are made
        labels: utterance id → label
        audio_format: one of `FORMATS`

    Returns:
        the number of files written

    Raises:
        InputError: if the format is unknown, or no installed library can write it
    """
    write, n_written, used = _writer(audio_format), 0, set[str]()
    for shard in sorted(paths.SHARDS.glob("*.parquet")):
        with artifacts.parquet(shard) as file:
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=["utterance_id", "audio"]):
                for segment in batch.to_pylist():
                    if (label := labels.get(segment["utterance_id"])) is None:
                        continue
                    target = folder / label / f"{_file_name(segment, used)}.{audio_format}"
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with tables.whole(target) as part:
                        write(part, *samples(segment))
                    n_written += 1
    return n_written


def _file_name(segment: Mapping[str, Any], used: set[str]) -> str:
    """Return a segment's file name without ending; two that differ only in case get different ones, for all systems."""
    name = Path(segment["audio"]["path"]).stem
    if name.casefold() in used:
        name = f"{name}-{hashlib.sha256(segment['utterance_id'].encode()).hexdigest()[:8]}"
    used.add(name.casefold())
    return name


def _writer(audio_format: str) -> Writer:
    """Choose pydub where it can write a format (WAV; others with ffmpeg), else libsndfile."""
    if audio_format not in FORMATS:
        raise InputError(f"found the format {audio_format!r}; expected one of {', '.join(FORMATS)}")
    if audio_format == "wav" or (ffmpeg := _ffmpeg()) is not None:
        return _pydub_writer(audio_format, None if audio_format == "wav" else ffmpeg)
    import soundfile

    if audio_format.upper() not in soundfile.available_formats():
        raise InputError(
            f"pydub needs ffmpeg to write {audio_format}, and neither ffmpeg nor a libsndfile with {audio_format} is "
            "installed; install ffmpeg (or: pip install imageio-ffmpeg), or use --format wav"
        )
    return lambda path, signal, rate_hz: soundfile.write(path, signal, rate_hz, format=audio_format.upper())


def _ffmpeg() -> str | None:
    """Return the path of ffmpeg: on the PATH, or in the package imageio-ffmpeg."""
    if (path := shutil.which("ffmpeg")) is not None:
        return path
    if importlib.util.find_spec("imageio_ffmpeg") is None:
        return None
    return str(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())


def _pydub_writer(audio_format: str, ffmpeg: str | None) -> Writer:
    codec = _CODECS.get(audio_format)

    def write(path: Path, signal: NDArray[np.int16], rate_hz: int) -> None:
        sound = pydub_sound(signal, rate_hz)
        sound.converter = ffmpeg
        buffer = io.BytesIO()
        from pydub.exceptions import CouldntEncodeError

        try:
            sound.export(buffer, format=audio_format, codec=codec)
        except CouldntEncodeError as error:
            raise InputError(
                f"{ffmpeg} cannot write {audio_format}; install an ffmpeg with {codec or audio_format}, "
                f"or use --format wav\n{str(error)[-300:]}"
            ) from None
        path.write_bytes(buffer.getvalue())

    return write
