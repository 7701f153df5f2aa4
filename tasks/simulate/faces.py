"""Video of a drawn talking face: the mouth follows the loudness, brows and colour show the emotion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.simulate.voices import RATE_HZ

WIDTH, HEIGHT, FRAMES_PER_S = 160, 120, 10
_AUDIO_HZ, _AUDIO_BIT_RATE, _VIDEO_BIT_RATE = 22_050, 64_000, 120_000
_LOOKS: dict[str, tuple[tuple[int, int, int], float, float]] = {
    "neutral": ((224, 190, 160), 0.0, 0.0),
    "happiness": ((236, 200, 150), 0.8, 0.2),
    "sadness": ((190, 190, 205), -0.7, 0.4),
    "anger": ((228, 150, 130), -0.5, -0.9),
    "fear": ((205, 205, 195), -0.3, 0.8),
    "disgust": ((190, 205, 150), -0.6, -0.4),
    "surprise": ((232, 205, 175), 0.2, 1.0),
}
"""Skin colour, height of the mouth's corners and of the brows' inner ends (up is positive)."""


def film(samples: NDArray[np.float64], emotion: str, path: Path, *, seed: int) -> None:
    """Write a talking face as MPEG-4 video with AAC sound; the same arguments give the same bytes.

    Args:
        samples: mono, in [-1, 1] at `RATE_HZ`, shape (n_samples,)
        emotion: what the face shows; emotions without a face of their own look neutral
        path: the .mp4
        seed: of the head's movement
    """
    import av

    with tables.whole(path) as part, av.open(part, "w", "mp4", container_options={"fflags": "+bitexact"}) as out:
        picture = out.add_stream("mpeg4", FRAMES_PER_S)
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = out.add_stream("aac", _AUDIO_HZ)
        for stream, rate in ((picture, _VIDEO_BIT_RATE), (sound, _AUDIO_BIT_RATE)):
            stream.codec_context.bit_rate = rate
            stream.codec_context.flags |= av.codec.context.Flags.bitexact
        sound.codec_context.layout = "mono"
        spoken = _spoken(samples, sound)
        for image in _drawn(samples, emotion, seed):
            out.mux(picture.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(picture.encode(None))
        for frame in spoken:
            out.mux(sound.encode(frame))
        out.mux(sound.encode(None))


def _drawn(samples: NDArray[np.float64], emotion: str, seed: int) -> list[NDArray[np.uint8]]:
    hop = RATE_HZ // FRAMES_PER_S
    rng = np.random.default_rng(seed)
    loud = [float(np.sqrt((samples[at : at + hop] ** 2).mean())) for at in range(0, samples.size, hop)]
    sway = np.cumsum(rng.normal(0, 0.6, len(loud)))
    loudest = max(loud) or 1.0
    return [
        _face(emotion, level / loudest, float(np.clip(shift, -8, 8))) for level, shift in zip(loud, sway, strict=True)
    ]


def _face(emotion: str, mouth: float, shift: float) -> NDArray[np.uint8]:
    skin, corners, brows = _LOOKS.get(emotion, _LOOKS["neutral"])
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    x = (x - WIDTH / 2 - shift) / 40
    y = (y - HEIGHT / 2) / 50
    image = np.full((HEIGHT, WIDTH, 3), (60, 70, 85), dtype=np.uint8)
    image[x**2 + y**2 < 1] = skin
    for side in (-1, 1):
        image[((x - 0.38 * side) / 0.13) ** 2 + ((y + 0.2) / 0.1) ** 2 < 1] = (40, 40, 50)
        inner = 0.38 - side * x
        brow = -0.42 - 0.15 * brows * inner
        image[(np.abs(y - brow) < 0.03) & (np.abs(x - 0.38 * side) < 0.2)] = (70, 50, 40)
    bend = 0.5 - 0.25 * corners * (x**2 - 0.05)
    image[(np.abs(y - bend) < 0.03 + 0.14 * mouth) & (np.abs(x) < 0.35)] = (130, 50, 60)
    return image


def _spoken(samples: NDArray[np.float64], stream: Any) -> list[Any]:
    import av

    stream.codec_context.open()
    whole = np.round(np.clip(samples, -1, 1) * 32_767).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(whole[None, :], format="s16", layout="mono")
    frame.sample_rate, frame.pts = RATE_HZ, 0
    context = stream.codec_context
    resampler = av.AudioResampler(context.format, "mono", context.sample_rate, context.frame_size)
    return [*resampler.resample(frame), *resampler.resample(None)]
