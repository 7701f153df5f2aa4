"""Both backends cut the same samples, wherever a span begins, goes back, or ends the sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tasks.core import paths
from tasks.core.config import Cutting
from tasks.core.results import Reject
from tasks.media.segments.cutting import CutSegment, SegmentSpan, VideoSpans, cuts
from tasks.stages.segments import segments_one

RATE_HZ = 16_000


def video_of(n_samples: int, times: list[tuple[float, float]]) -> VideoSpans:
    signal = np.random.default_rng(5).integers(-9_000, 9_000, n_samples).astype(np.int16)
    paths.MEDIA.mkdir(parents=True, exist_ok=True)
    soundfile.write(paths.MEDIA / "a.flac", signal, RATE_HZ, subtype="PCM_16")
    return VideoSpans("a", "a.flac", "", tuple(SegmentSpan(f"weak/a/{k:04d}", *span) for k, span in enumerate(times)))


@pytest.fixture
def video(project: Path) -> VideoSpans:
    rng = np.random.default_rng(5)
    starts_s = [0.0, 0.0004, *rng.uniform(0, 8, 40).tolist(), 8.2]
    ends_s = [*(min(s + length, 9.001) for s, length in zip(starts_s, rng.uniform(0.1, 3, 42), strict=False)), 9.001]
    return video_of(RATE_HZ * 9 + 11, list(zip(starts_s, ends_s, strict=True)))


def test_backends_cut_the_same_samples(video: VideoSpans) -> None:
    streamed, sliced = list(cuts(video)), list(cuts(video, "pydub"))
    assert len(streamed) == len(sliced) == len(video.spans)
    whole, _ = soundfile.read(paths.MEDIA / "a.flac", dtype="int16")
    for stream, pydub in zip(streamed, sliced, strict=True):
        assert isinstance(stream, CutSegment) and isinstance(pydub, CutSegment)
        start_ms, end_ms = round(stream.span.start_s * 1000), round(stream.span.end_s * 1000)
        expected = np.pad(whole, (0, RATE_HZ))[start_ms * 16 : end_ms * 16]
        assert (stream.span, stream.rate_hz) == (pydub.span, pydub.rate_hz)
        assert stream.samples.dtype == pydub.samples.dtype == np.int16
        assert stream.samples.tolist() == pydub.samples.tolist() == expected[: stream.samples.size].tolist()
        assert end_ms - start_ms - stream.samples.size / 16 in (0, 1)


def test_backends_write_the_same_bytes(video: VideoSpans) -> None:
    """FLAC, digests, fingerprints and rejects."""
    late = VideoSpans(video.id, video.audio, "", (*video.spans, SegmentSpan("weak/a/late", 8.0, 9.5)))
    streamed, sliced = (segments_one(late, Cutting(backend=backend)) for backend in ("stream", "pydub"))
    assert streamed.rows.equals(sliced.rows)
    assert (
        streamed.rejects
        == sliced.rejects
        == (Reject("weak/a/late", "past the end", "ends at 9.500 s, the sound at 9.001 s"),)
    )


@pytest.mark.parametrize("n_samples", [8_024, 8_040, 8_056, 8_055, 8_057, 16_000])
def test_a_sound_that_ends_within_a_millisecond(project: Path, n_samples: int) -> None:
    """pydub computes its length in floating point, where half a millisecond may round the other way."""
    video = video_of(n_samples, [(0.1, round(1000 * n_samples / RATE_HZ) / 1000)])
    (stream,), (pydub,) = cuts(video), cuts(video, "pydub")
    assert isinstance(stream, CutSegment) and isinstance(pydub, CutSegment)
    assert stream.samples.tolist() == pydub.samples.tolist()
