"""Media files: mutated ones must decode to plausible sound or be refused; truncated ones must be refused."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from tasks.core.errors import AudioError
from tasks.media import decode
from tests.fuzz.mutation import mutated
from tests.fuzz.trial import Kind, MakeTrial, Trial, Verdict, expect

_FORMATS = {
    "wav": ("wav", "pcm_s16le"), "flac": ("flac", "flac"), "m4a": ("mp4", "aac"), "webm": ("webm", "libopus"),
    "mp3": ("mp3", "libmp3lame"), "ogg": ("ogg", "libopus"), "avi": ("avi", "pcm_s16le"), "caf": ("caf", "pcm_s16le"),
    "aac": ("adts", "aac"), "ac3": ("ac3", "ac3"), "ts": ("mpegts", "aac"), "aiff": ("aiff", "pcm_s16be"),
    "mkv": ("matroska", "flac"), "w64": ("w64", "pcm_s16le"), "flv": ("flv", "aac"),
}  # fmt: skip
_STATE_LENGTH = ("wav", "m4a", "aiff")
"""Formats whose header states the length, so that a truncated file can be told."""
_SECONDS = 1.5
_TOKENS = (
    b"RIFF", b"WAVE", b"fmt ", b"data", b"moov", b"mdat", b"stsd", b"OggS", b"fLaC", b"\x1aE\xdf\xa3", b"ID3",
    b"LIST", b"\xff\xfb\x90\x00", b"\x0bw", b"caff", b"FORM", b"COMM", b"G", b"\x47\x40\x11\x10", b"FLV\x01",
)  # fmt: skip
_LONGEST_S = 600.0


def prepare(folder: Path) -> MakeTrial:
    """Return the maker of trials over a tone in every container."""
    originals = {name: _encoded(folder / f"tone.{name}", *form) for name, form in _FORMATS.items()}

    def make(rng: random.Random) -> Trial:
        name = rng.choice(sorted(originals))
        content = originals[name]
        is_cut = name in _STATE_LENGTH and rng.random() < 0.2
        if is_cut:
            content = content[: int(len(content) * rng.uniform(0.1, 0.7))]
        else:
            content = mutated(content, rng, _TOKENS, [originals[rng.choice(sorted(originals))]])
        as_clip = is_cut or rng.random() < 0.5

        def run() -> Verdict:
            path = folder / f"input.{name}"
            path.write_bytes(content)
            try:
                duration_s = _decoded_s(path, folder, as_clip=as_clip)
            except AudioError as error:
                expect(bool(str(error).strip()), "a refusal without a message")
                return "rejected"
            expect(not is_cut, f"a truncated {name} was accepted with {duration_s:.2f} s")
            expect(0 < duration_s <= _LONGEST_S, f"{duration_s} s")
            return "accepted"

        return Trial(content, f".{name}", run)

    return make


def _decoded_s(path: Path, folder: Path, *, as_clip: bool) -> float:
    if as_clip:
        return decode.samples(path).size / decode.RATE_HZ
    target = folder / "out.flac"
    target.unlink(missing_ok=True)
    try:
        duration_s = decode.to_flac(path, target, max_duration_s=_LONGEST_S)
    except AudioError:
        expect(not target.exists(), "a refused file left its target")
        raise
    expect(target.is_file(), "no target was written")
    return duration_s


def _encoded(path: Path, container: str, codec: str) -> bytes:
    import av

    rate_hz = 48_000 if "opus" in codec else 32_000
    time_s = np.arange(round(_SECONDS * rate_hz)) / rate_hz
    tone = (8000 * np.sin(2 * np.pi * 330 * time_s)).astype(np.int16)
    with av.open(path, "w", format=container) as sink:
        stream = sink.add_stream(codec, rate=rate_hz, layout="mono")
        for start in range(0, tone.size, 1024):
            frame = av.AudioFrame.from_ndarray(tone[None, start : start + 1024], format="s16", layout="mono")
            frame.sample_rate, frame.pts = rate_hz, start
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))
    return path.read_bytes()


KIND = Kind("media", 110, prepare)
