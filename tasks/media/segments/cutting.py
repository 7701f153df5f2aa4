"""Cut utterances out of a video's sound, on a grid of milliseconds."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.core import paths, sound_files
from tasks.core.config import Config
from tasks.core.item_files import ItemFile
from tasks.core.results import Reject

_READ_ON_S = 2.0
Backend = Literal["stream", "pydub"]


@dataclass(frozen=True)
class SegmentSpan:
    """An utterance's place in its video, in seconds."""

    utterance_id: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class CutSegment:
    """An utterance's sound: mono, 16 bit, shape (n_samples,)."""

    span: SegmentSpan
    samples: NDArray[np.int16]
    rate_hz: int


@dataclass(frozen=True)
class VideoSpans:
    """The sound of a video, and the spans to cut out of it.

    Args:
        id: the video
        audio: name of the sound file
        audio_sha256: its digest
        spans: the utterances
        alongside: `corpora` and `features` of the interviews whose results are cached with the segments, as JSON; it
            does not affect the segments
    """

    id: str
    audio: str
    audio_sha256: str
    spans: tuple[SegmentSpan, ...]
    alongside: str = ""

    @property
    def content(self) -> str:
        """The sound's digest and every span."""
        return json.dumps([self.audio_sha256, [[s.utterance_id, s.start_s, s.end_s] for s in self.spans]])

    def reads(self) -> tuple[ItemFile, ...]:
        """Return the file that is cut."""
        return (ItemFile(paths.MEDIA / self.audio, self.audio_sha256),)


def later_stages(config: Config) -> str:
    """Return the corpora and feature sets of the interviews, as JSON: they are computed of the same samples.

    Args:
        config: all settings
    """
    corpora = sorted(name for name, entry in config.corpora.items() if entry.is_interviews)
    features = {name: entry.model_dump() for name, entry in config.features.items() if entry.corpus in corpora}
    return json.dumps({"corpora": corpora, "features": features}, sort_keys=True)


def cuts(item: VideoSpans, backend: Backend = "stream") -> Iterator[CutSegment | Reject]:
    """Yield one video's utterances, in the order of its spans.

    Args:
        item: a mono sound file and its spans
        backend: stream: read one span at a time, in bounded memory; pydub: load the sound and slice it. Same samples

    Yields:
        the segment of each span, or a reject if the span ends after the sound

    Raises:
        AudioError: if the file is damaged
    """
    with sound_files.opened(paths.MEDIA / item.audio) as sound:
        duration_ms = round(1000 * int(sound.frames) / int(sound.samplerate))
        cut = _pydub_cut(sound, duration_ms) if backend == "pydub" else partial(stream_cut, sound)
        for span in item.spans:
            end_ms = round(span.end_s * 1000)
            # 1 ms of tolerance: both times are rounded
            if end_ms > duration_ms + 1:
                detail = f"ends at {span.end_s:.3f} s, the sound at {duration_ms / 1000:.3f} s"
                yield Reject(span.utterance_id, "past the end", detail)
            else:
                yield CutSegment(span, cut(round(span.start_s * 1000), min(end_ms, duration_ms)), sound.samplerate)


def pydub_sound(samples: NDArray[np.int16], rate_hz: int) -> Any:
    """Return mono samples as a pydub `AudioSegment`.

    Args:
        samples: 16 bit, shape (n_samples,)
        rate_hz: sampling rate
    """
    with warnings.catch_warnings():
        # at import pydub warns that it found no ffmpeg (not needed here), and about its own old code
        warnings.simplefilter("ignore")
        from pydub import AudioSegment
    return AudioSegment(samples.astype("<i2").tobytes(), sample_width=2, frame_rate=rate_hz, channels=1)


def stream_cut(sound: Any, start_ms: int, end_ms: int) -> NDArray[np.int16]:
    """Read a span from an open sound file, shape (n_samples,); an incomplete last millisecond is padded with zeros.

    Args:
        sound: from `sound_files.opened`
        start_ms: of the span
        end_ms: of the span, at most a millisecond after the sound's end
    """
    start, end = (time_ms * sound.samplerate // 1000 for time_ms in (start_ms, end_ms))
    ahead = start - sound.tell()
    # reading ahead is cheaper than seeking: a FLAC decoder seeks by bisection
    if 0 <= ahead <= sound.samplerate * _READ_ON_S:
        sound.read(ahead, dtype="int16")
    else:
        sound.seek(start)
    samples: NDArray[np.int16] = sound.read(end - start, dtype="int16", fill_value=0)
    return samples


def _pydub_cut(sound: Any, duration_ms: int) -> Callable[[int, int], NDArray[np.int16]]:
    """Load a whole sound file; return a function that slices it, from start to end in ms."""
    samples = sound.read(dtype="int16")
    # pydub limits a slice to its own length in ms, which floating point may round the other way
    missing = max(duration_ms * sound.samplerate // 1000 - samples.size, 0)
    whole = pydub_sound(np.pad(samples, (0, missing)), sound.samplerate)
    return lambda start_ms, end_ms: np.frombuffer(whole[start_ms:end_ms].raw_data, dtype="<i2").astype(np.int16)
