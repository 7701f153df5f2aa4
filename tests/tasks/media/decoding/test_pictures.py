"""Selection of frames: what is decoded and converted for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tasks.core.errors import AudioError
from tasks.media import frames
from tasks.media.decoding import containers, pictures
from tasks.media.decoding.pictures import select

SIZE = (48, 64)


def picture(levels: int, seed: int) -> np.ndarray:
    """Blocks of grey: the more levels, the higher the entropy."""
    rng = np.random.default_rng(seed)
    blocks = rng.choice(np.linspace(20, 235, levels).astype(np.uint8), (SIZE[0] // 8, SIZE[1] // 8))
    grey = np.kron(blocks, np.ones((8, 8), np.uint8))
    return np.repeat(grey[..., None], 3, axis=2)


def film(path: Path, shown: Sequence[np.ndarray], codec: str = "mpeg4") -> Path:
    """Write pictures, 25 per second."""
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        for number, image in enumerate(shown):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def levels_of(n: int, seed: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [picture(int(levels), k) for k, levels in enumerate(rng.permutation(np.arange(2, 2 + n)))]


def test_few_frames_are_converted_and_fewer_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(tmp_path / "film.mp4", levels_of(200))
    made, original = [], pictures._picture

    def counted(*given: object) -> np.ndarray:
        made.append(1)
        return original(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(pictures, "_picture", counted)
    selected = select(path, 10, SIZE, None, None, granted=abs)
    assert selected.n_seen == 200
    assert len(selected.images) == 10
    # of a random order, 10 · (1 + ln(200 / 10)) on the mean
    assert len(made) < 70


def test_a_late_span_is_reached_by_seeking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(tmp_path / "long.mp4", [picture(2 + number % 30, number) for number in range(500)])
    whole = select(path, 500, SIZE, None, None, granted=abs)
    decoded, original = [], containers.decoded_frames

    def counting(*args: object) -> Iterator[object]:
        for frame in original(*args):
            decoded.append(frame)
            yield frame

    monkeypatch.setattr(containers, "decoded_frames", counting)
    selected = select(path, 500, SIZE, 15.0, 16.0, granted=abs)
    assert selected.n_seen == 25
    assert len(decoded) < 60, "at most from the last key frame on"
    np.testing.assert_allclose(selected.times_s, np.arange(25) / 25, atol=1e-6)
    np.testing.assert_array_equal(selected.images, whole.images[375:400])


@pytest.mark.parametrize(("width", "height"), [(64, 200_000), (3_000_000, 48), (16_000, 16_000), (1 << 30, 1 << 30)])
def test_absurd_sizes_are_refused_at_once(tmp_path: Path, width: int, height: int) -> None:
    content = bytearray(film(tmp_path / "film.avi", levels_of(4), "ffv1").read_bytes())
    # BITMAPINFOHEADER: its length, width and height
    header = content.index(SIZE[1].to_bytes(4, "little") + SIZE[0].to_bytes(4, "little"), content.index(b"strf"))
    content[header : header + 8] = width.to_bytes(4, "little") + height.to_bytes(4, "little")
    (tmp_path / "absurd.avi").write_bytes(bytes(content))
    # PyAV 19 names no codec for such sizes, older versions leave the refusal to us
    expected = "its pictures are|not a media file|no frame could be decoded|cannot decode unknown codec"
    for function in (frames.video_format, lambda path: frames.select(path, 3, SIZE)):
        with pytest.raises(AudioError, match=expected):
            function(tmp_path / "absurd.avi")
