"""Sound of a planned interview: speech, background noise, and encoding as AAC or Opus."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.simulate.interviews import Interview
from tasks.simulate.voices import RATE_HZ, SpokenText, speaker

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext

_LEAD_IN_S = 0.6
_LEVEL = 0.06
"""Root mean square of the speech in an interview: all guests are equally loud, as in broadcasts."""
_CODECS: dict[str, tuple[Literal["aac", "libopus"], str, int, int]] = {
    "m4a": ("aac", "mp4", RATE_HZ, 48_000),
    "webm": ("libopus", "webm", 48_000, 40_000),
}
"""Codec, container format, sampling rate in Hz and bit rate for each file name extension."""


@dataclass(frozen=True)
class Utterance:
    """A line of a recording.

    Args:
        text: as manual captions print it
        intent: the intended sentiment, or None
        start_s: its start in the recording
        end_s: its end
        words_s: start of each blank-separated word of `text`, shape (n_words,)
    """

    text: str
    intent: str | None
    start_s: float
    end_s: float
    words_s: tuple[float, ...]


@dataclass(frozen=True)
class Recording:
    """Sound of an interview: mono samples in [-1, 1] at `RATE_HZ`, shape (n_samples,), and its utterances."""

    samples: NDArray[np.float64]
    utterances: tuple[Utterance, ...]

    @property
    def duration_s(self) -> float:
        """Length of the recording in seconds."""
        return self.samples.size / RATE_HZ


def record(interview: Interview, noise_db: float) -> Recording:
    """Speak an interview, set its level and add noise.

    Args:
        interview: its plan
        noise_db: level of the background noise relative to the speech, in dB
    """
    with speaker() as voice:
        spoken = [voice.say(line.spoken, line.delivery) for line in interview.lines]
    pieces, utterances = [np.zeros(round(_LEAD_IN_S * RATE_HZ), np.int16)], list[Utterance]()
    start = pieces[0].size
    for line, speech in zip(interview.lines, spoken, strict=True):
        end = start + speech.samples.size
        utterances.append(_placed(line.text, line.intent, speech, start, end))
        pause = np.zeros(round(line.pause_s * RATE_HZ), np.int16)
        pieces += [speech.samples, pause]
        start = end + pause.size
    level = np.sqrt(np.mean(np.concatenate([speech.samples for speech in spoken]) ** 2.0))
    clean = np.concatenate(pieces) * (_LEVEL / level)
    rng = np.random.default_rng([int(interview.id), clean.size])
    return Recording(clean + _LEVEL * 10 ** (noise_db / 20) * _room_noise(rng, clean.size), tuple(utterances))


def encode(recording: Recording, path: Path) -> None:
    """Write a recording as AAC in MP4 or Opus in WebM; the same recording gives the same bytes.

    Args:
        recording: the sound
        path: the file, `.m4a` or `.webm`
    """
    import av

    codec, container, rate_hz, bit_rate = _CODECS[path.suffix[1:]]
    samples = np.round(np.clip(recording.samples, -1, 1) * 32_767).astype(np.int16)
    with tables.whole(path) as part, av.open(part, "w", container, container_options={"fflags": "+bitexact"}) as out:
        stream = out.add_stream(codec, rate_hz)
        context = stream.codec_context
        context.layout = "mono"
        context.bit_rate = bit_rate
        context.flags |= av.codec.context.Flags.bitexact
        for frame in _frames(samples, context):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def _frames(samples: NDArray[np.int16], context: AudioCodecContext) -> list[Any]:
    import av

    context.open()
    frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
    frame.sample_rate, frame.pts = RATE_HZ, 0
    resampler = av.AudioResampler(context.format, "mono", context.sample_rate, context.frame_size)
    return [*resampler.resample(frame), *resampler.resample(None)]


def _placed(text: str, intent: str | None, speech: SpokenText, start: int, end: int) -> Utterance:
    start_s = start / RATE_HZ
    words_s = tuple(start_s + offset_s for offset_s in speech.starts_s[: len(text.split())])
    return Utterance(text, intent, start_s, end / RATE_HZ, words_s)


def _room_noise(rng: np.random.Generator, size: int) -> NDArray[np.float64]:
    """Return pink noise of unit power, similar to the noise of a room."""
    longer = 1 << (size - 1).bit_length()  # the FFT of a power of two can be a hundred times faster
    spectrum = np.fft.rfft(rng.standard_normal(longer))
    spectrum[1:] /= np.sqrt(np.arange(1, spectrum.size))
    spectrum[0] = 0
    noise: NDArray[np.float64] = np.fft.irfft(spectrum)[:size]
    noise /= np.sqrt(np.mean(noise**2))
    return noise
