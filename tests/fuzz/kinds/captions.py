"""Caption files: mutated ones must be read or rejected; written in many styles, every word must come out once."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import soundfile

from tasks.captions import utterances
from tasks.core import config
from tasks.core.errors import Rejected
from tests.fuzz.kinds import caption_styles
from tests.fuzz.mutation import mutated
from tests.fuzz.trial import Kind, MakeTrial, Trial, Verdict, expect

_TOKENS = (
    b"-->", b" --> ", b"00:00:01.000", b"00:00:02,000", b"\n\n", b"\r\n", b"\r\r\n", b"WEBVTT", b"NOTE", b"STYLE",
    b"<c>", b"</c>", b"<00:00:01.500>", b"<v Ann>", b"<i>", b"<", b">", b"&", b"&amp;", b"&#0;", b"&#x110000;",
    b"&nbsp;", b"{\\an8}", b"\\h", b"\\N", b"[", b"]", b"(", b")", b"\xef\xbb\xbf", b"\xff\xfe", b"\x00",
    b"\xe2\x80\x8b", b">> ", b"- ", b"99:99:99,999", b"-1", b"\xc2\xb2", b"\xd9\xa1",
    b"X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000", b"JOY: ", b"1e9",
)  # fmt: skip
_MUTATED_SHARE = 0.7


def prepare(folder: Path) -> MakeTrial:
    """Return the maker of trials: seven of ten are mutated, three are written in a random style."""
    settings = config.load(Path(__file__).resolve().parents[3] / "params.yaml").captions
    sound = _babble(folder / "sound.flac")
    by_segmentation = [settings.model_copy(update={"segmentation": name}) for name in ("cue", "sentence")]

    def make(rng: random.Random) -> Trial:
        script = caption_styles.script(rng)
        written = caption_styles.written(script, rng)
        duration_s = script[-1].end_ms / 1000 + rng.choice((0.0, 0.3, 30.0))
        chosen = rng.choice(by_segmentation)
        content = written.content
        if is_mutated := rng.random() < _MUTATED_SHARE:
            others = [caption_styles.written(script, rng).content]
            content = mutated(content, rng, _TOKENS, others)

        def run() -> Verdict:
            try:
                parsed = utterances.read(content, written.format, sound, duration_s, chosen)
            except Rejected as error:
                expect(bool(error.reason), "a rejection without a reason")
                expect(is_mutated, f"a valid file was rejected: {error}")
                return "rejected"
            _check_times(parsed, duration_s)
            if not is_mutated:
                _check_words(parsed, script)
            return "accepted"

        return Trial(content, f".{written.format}", run)

    return make


def _babble(path: Path) -> Path:
    """Write a minute of noise that comes and goes like syllables, at 16 kHz; sentences are aligned with it."""
    rng = np.random.default_rng(3)
    time_s = np.arange(60 * 16_000) / 16_000
    loudness = np.clip(np.sin(2 * np.pi * 2.3 * time_s) * np.sin(2 * np.pi * 0.17 * time_s), 0, 1)
    soundfile.write(path, 0.3 * loudness * rng.standard_normal(time_s.size), 16_000, subtype="PCM_16")
    return path


def _check_times(parsed: utterances.ParsedCaptions, duration_s: float) -> None:
    ends_ms = 0
    for span in parsed.spoken:
        expect(bool(span.text.strip()), f"an utterance without text: {span}")
        expect(ends_ms <= span.start_ms < span.end_ms <= duration_s * 1000 + 1, f"times out of order: {span}")
        ends_ms = span.end_ms
    for cue in parsed.unused:
        expect(bool(cue.reason), f"a rejected cue without a reason: {cue}")


def _check_words(parsed: utterances.ParsedCaptions, script: list[caption_styles.Sentence]) -> None:
    spoken = [word for span in parsed.spoken for word in span.text.split()]
    right = [word for sentence in script for word in sentence.words]
    expect(spoken == right, f"words differ:\n{' '.join(right)}\n{' '.join(spoken)}\nunused: {parsed.unused}")
    spoken_at = {re.sub(r"\W", "", span.text.split()[0]): span.start_ms for span in parsed.spoken}
    for sentence in script:
        start_ms = spoken_at.get(sentence.words[0])
        expect(
            start_ms is None or abs(start_ms - sentence.start_ms) <= caption_styles.MAX_SHIFT_MS,
            f"{sentence.words[0]} begins at {start_ms} ms, not at {sentence.start_ms} ms",
        )


KIND = Kind("captions", 400, prepare)
