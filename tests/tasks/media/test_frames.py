"""Frames of highest entropy: the same as those of a slow reference, for many kinds of files."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from scipy.stats import entropy as entropy_of

from tasks.core.errors import AudioError
from tasks.media import frames
from tasks.media.frames import VideoError, select

SIZE = (48, 64)


def picture(levels: int, seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Blocks of grey: the more levels, the higher the entropy."""
    rng = np.random.default_rng(seed)
    blocks = rng.choice(np.linspace(20, 235, levels).astype(np.uint8), (size[0] // 8, size[1] // 8))
    grey = np.kron(blocks, np.ones((8, 8), np.uint8))
    return np.repeat(grey[..., None], 3, axis=2)


def film(
    path: Path,
    pictures: Sequence[np.ndarray],
    times: Sequence[int] | None = None,
    *,
    sound: bool = False,
    pix_fmt: str = "yuv420p",
) -> Path:
    """Write pictures nearly without loss, 25 per second or at times in 1/25 s."""
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4" if pix_fmt == "yuv420p" else "ffv1", rate=25)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pix_fmt
        if pix_fmt == "yuv420p":
            stream.options = {"qmin": "1", "qmax": "1"}
        sound_stream = container.add_stream("aac", rate=16_000, layout="mono") if sound else None
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = (times[number] if times else number), Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound_stream is not None:
            samples = np.zeros((1, 16_000 * len(pictures) // 25), dtype=np.float32)
            tone = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            tone.sample_rate, tone.pts = 16_000, 0
            container.mux(sound_stream.encode(tone))
            container.mux(sound_stream.encode(None))
    return path


def reference(path: Path, n: int) -> list[float]:
    """Times of the frames that the source document would select: grey of RGB in float64, scipy's entropy."""
    frames = []
    with av.open(path) as container:
        for number, frame in enumerate(container.decode(video=0)):
            rgb = frame.to_ndarray(format="rgb24").astype(np.float64)
            grey = np.rint(rgb @ [0.299, 0.587, 0.114])
            counts, _ = np.histogram(grey, bins=256, range=(0, 256))
            frames.append((-entropy_of(counts / counts.sum(), base=2), number, frame.time))
    return sorted(time_s for _, _, time_s in sorted(frames)[:n])


def levels_of(n: int, seed: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [picture(int(levels), k) for k, levels in enumerate(rng.permutation(np.arange(2, 2 + n)))]


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "bgr0"])
def test_frames_are_those_of_a_slow_reference(tmp_path: Path, pix_fmt: str) -> None:
    path = film(tmp_path / ("film.mp4" if pix_fmt == "yuv420p" else "film.mkv"), levels_of(40), pix_fmt=pix_fmt)
    selected = select(path, 10, SIZE)
    np.testing.assert_allclose(selected.times_s, reference(path, 10), atol=1e-3)
    assert selected.images.shape == (10, *SIZE, 3)
    assert selected.n_seen == 40
    assert (np.diff(selected.times_s) > 0).all()
    assert 0 < selected.entropies.min() <= selected.entropies.max() <= 8


def test_if_tied_the_earlier_frames_are_selected(tmp_path: Path) -> None:
    flat = np.full((*SIZE, 3), 128, np.uint8)
    path = film(tmp_path / "film.mp4", [flat] * 12)
    selected = select(path, 5, SIZE)
    np.testing.assert_allclose(selected.times_s, np.arange(5) / 25, atol=1e-3)
    np.testing.assert_allclose(selected.entropies, 0, atol=1e-9)


@pytest.mark.parametrize("n", [1, 4])
def test_a_short_clip_gives_all_its_frames(tmp_path: Path, n: int) -> None:
    selected = select(film(tmp_path / "film.mp4", levels_of(n)), 10, SIZE)
    assert len(selected.images) == len(selected.times_s) == selected.n_seen == n


def test_an_utterance_is_a_part_of_its_file(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", levels_of(50), sound=True)
    selected = select(path, 100, SIZE, start_s=0.4, end_s=1.2)
    assert selected.n_seen == 20
    np.testing.assert_allclose(selected.times_s, np.arange(20) / 25, atol=1e-3)
    with pytest.raises(VideoError, match="no frame could be decoded from 60 s on"):
        select(path, 10, SIZE, start_s=60.0)


def test_frames_have_their_own_times(tmp_path: Path) -> None:
    times = [0, 1, 2, 10, 11, 30, 55]
    selected = select(film(tmp_path / "film.mkv", levels_of(7), times), 10, SIZE)
    np.testing.assert_allclose(selected.times_s, np.array(times) / 25, atol=2e-3)


def test_a_rotated_video_is_turned_upright(tmp_path: Path) -> None:
    """A video recorded sideways: the container states the rotation, clockwise in this file."""
    shown = np.zeros((*SIZE, 3), np.uint8)
    shown[: SIZE[0] // 2] = 255
    path = film(tmp_path / "film.mp4", [shown] * 3)
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40
    one, zero = (1 << 16).to_bytes(4, "big"), bytes(4)
    content[matrix : matrix + 36] = (
        zero + one + zero + (-(1 << 16)).to_bytes(4, "big", signed=True) + zero * 4 + (1 << 30).to_bytes(4, "big")
    )
    path.write_bytes(bytes(content))
    image = select(path, 1, (64, 48)).images[0]
    assert image.shape == (64, 48, 3)
    assert image[:, 30:].min() > 200, "what was above is on the right"
    assert image[:, :18].max() < 50


def test_files_without_pictures(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "only.wav", np.zeros(16_000), 16_000)
    with pytest.raises(VideoError, match="the file holds no video"):
        select(tmp_path / "only.wav", 10, SIZE)
    whole = film(tmp_path / "film.mp4", levels_of(20)).read_bytes()
    (tmp_path / "broken.mp4").write_bytes(b"\0" * 64 + whole[64:])
    with pytest.raises(AudioError, match="not a media file"):
        select(tmp_path / "broken.mp4", 10, SIZE)
    (tmp_path / "empty.mp4").write_bytes(b"")
    with pytest.raises(AudioError, match="empty"):
        select(tmp_path / "empty.mp4", 10, SIZE)


@pytest.mark.parametrize("shape", [(4, 6), (3, 5)])
def test_entropy_by_hand(shape: tuple[int, int]) -> None:
    n = shape[0] * shape[1]
    grey = np.zeros(n, np.uint8)
    assert frames.entropy(grey.reshape(shape)) == 0
    assert frames.entropy(np.arange(n, dtype=np.uint8).reshape(shape)) == pytest.approx(np.log2(n))
    grey[: n // 3] = 200
    share = np.array([n // 3, n - n // 3]) / n
    assert frames.entropy(grey.reshape(shape)) == pytest.approx(-(share * np.log2(share)).sum())


def test_a_height_alone_keeps_the_aspect_ratio(tmp_path: Path) -> None:
    path = film(tmp_path / "wide.mp4", [picture(9, 1, (48, 96))])
    assert select(path, 1, 24).images.shape == (1, 24, 48, 3)


def test_format_of_a_video(tmp_path: Path) -> None:
    path = film(tmp_path / "short.mp4", [picture(9, number) for number in range(50)])
    assert frames.video_format(path) == {"width": 64, "height": 48, "frames_per_s": 25.0, "duration_s": 2.0}


def talk(path: Path, duration_s: int) -> Path:
    """Write 720p film with moving noise over a gradient, 25 frames a second."""
    rng = np.random.default_rng(1)
    ground = np.tile(np.linspace(0, 200, 1280).astype(np.uint8), (720, 1))
    noise = rng.integers(0, 56, (720, 1280 + 25 * duration_s)).astype(np.uint8)
    pictures = (np.repeat((ground + noise[:, k : k + 1280])[..., None], 3, axis=2) for k in range(25 * duration_s))
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for one in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(one, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.bench
def test_it_is_three_times_as_fast_as_the_slow_reference(tmp_path: Path) -> None:
    path = talk(tmp_path / "talk.mp4", 4)
    reference(path, 10)
    took = []
    for how in (lambda: reference(path, 10), lambda: select(path, 10, (224, 224))):
        started = time.perf_counter()
        how()
        took.append(time.perf_counter() - started)
    print(
        f"\n100 frames of 720p: RGB, float64, scipy {took[0]:.2f} s; select {took[1]:.2f} s, {took[0] / took[1]:.1f} x"
    )
    assert took[0] > 3 * took[1]


@pytest.mark.bench
def test_memory_does_not_grow_with_the_clip(tmp_path: Path) -> None:
    code = "import resource, sys; from pathlib import Path; from tasks.media.decoding.pictures import select; "
    code += "select(Path(sys.argv[1]), 10, (224, 224), None, None, granted=abs); "
    code += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    most = []
    for duration_s in (4, 40):
        path = talk(tmp_path / f"{duration_s}.mp4", duration_s)
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
        most.append(float(done.stdout))
    print(f"\nmost memory on 4 s and on 40 s of 720p: {most[0]:.0f} MB and {most[1]:.0f} MB")
    assert most[1] < 1.1 * most[0]
