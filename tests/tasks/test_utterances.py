"""Sentences of real captions, measured against the times of their words and against the sound itself.

`pytest -m real -s tests/tasks/test_utterances.py` prints the table. Automatic captions say when a word begins, not when it
ends. So an utterance's start is held against its first word's stamp; its end against the next word's stamp where
speech goes on, else against the last word's stamp and what its letters take: neither knows the sound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tasks import utterances
from tasks.config import Config
from tasks.cues import reading, speech
from tasks.cues.cue import Spoken
from tasks.cues.tokens import Token, tokens
from tasks.decode import to_flac

SOUNDS = {"1.en.vtt": "1.webm", "2.en.vtt": "2.m4a", "manifesto_audio.vtt": "manifesto_audio.mp3"}
SAMPLED, SEED = 50, 7
STEP_MS = 5


@dataclass(frozen=True)
class Measured:
    """An utterance, the words it holds with the times their captions give, and the word after it."""

    said: Spoken
    words: tuple[Token, ...]
    following: Token | None

    @property
    def start_error_ms(self) -> int:
        return self.said.start_ms - self.words[0].start_ms

    @property
    def end_error_ms(self) -> int:
        return self.said.end_ms - self.reference_end_ms

    @property
    def reference_end_ms(self) -> int:
        last = self.words[-1]
        usual_ms = last.start_ms + speech.usual_ms(last.text)
        return min(usual_ms, self.following.start_ms) if self.following else usual_ms


@dataclass(frozen=True)
class File:
    """A file's utterances, and whether someone speaks, every 5 ms: measured here, not by what is tested."""

    name: str
    utterances: tuple[Measured, ...]
    speaks: np.ndarray
    stamps_ms: np.ndarray


def _speaks(flac: Path) -> np.ndarray:
    signal, rate_hz = soundfile.read(flac)
    step = rate_hz * STEP_MS // 1000
    frames = signal[: signal.size // step * step].reshape(-1, step)
    power = np.convolve((frames**2).mean(axis=1), np.full(5, 0.2), mode="same")
    level_db = 10 * np.log10(power + 1e-10)
    floor_db, loud_db = np.percentile(level_db[level_db > -90], [10, 95])
    return np.asarray(level_db > floor_db + (loud_db - floor_db) / 3)


def _measured(said: tuple[Spoken, ...], words: list[Token]) -> Iterator[Measured]:
    place = 0
    for one in said:
        n_words = len(one.text.split())
        while " ".join(word.text for word in words[place : place + n_words]) != one.text:
            assert not words[place].spoken, f"{words[place]} is in no utterance"
            place += 1
        own = tuple(word for word in words[place : place + n_words] if word.spoken)
        place += n_words
        yield Measured(one, own, words[place] if place < len(words) else None)
    assert not any(word.spoken for word in words[place:])


@pytest.fixture(scope="module")
def files(real_data: Path, settings: Config, tmp_path_factory: pytest.TempPathFactory) -> list[File]:
    by_sentence = settings.captions.model_copy(update={"segmentation": "sentence"})
    found = []
    for captions, sound in SOUNDS.items():
        flac = tmp_path_factory.mktemp("sound") / "sound.flac"
        duration_s = to_flac(real_data / "interviews" / sound, flac)
        content = (real_data / "interviews" / captions).read_bytes()
        said = utterances.read(content, "vtt", flac, duration_s, by_sentence).spoken
        words = list(tokens(reading.read(content, "vtt", duration_s, by_sentence.max_overrun_s).lines))
        stamps_ms = np.array([word.start_ms for word in words])
        found.append(File(sound, tuple(_measured(said, words)), _speaks(flac), stamps_ms))
    return found


def _sample(files: list[File]) -> list[tuple[File, Measured]]:
    every = [(file, one) for file in files for one in file.utterances]
    chosen = np.random.default_rng(SEED).permutation(len(every))[:SAMPLED]
    return [every[place] for place in sorted(chosen)]


@pytest.mark.real
def test_starts_and_ends_lie_where_words_do(files: list[File]) -> None:
    sample = _sample(files)
    print(
        f"\n{len(sample)} utterances, seed {SEED}; errors in ms: median of |error|, 90th percentile, median with its sign"
    )
    print(f"{'file':22} {'n':>3} {'words, median (10-90 %)':>24} {'start':>18} {'end':>18}")
    groups = [(name, list(members)) for name, members in groupby(sample, key=lambda pair: pair[0].name)]
    for name, members in [*groups, ("all", sample)]:
        n_words = np.array([len(one.words) for _, one in members])
        starts_ms = np.array([one.start_error_ms for _, one in members])
        ends_ms = np.array([one.end_error_ms for _, one in members])
        words = f"{np.median(n_words):.0f} ({np.percentile(n_words, 10):.0f}-{np.percentile(n_words, 90):.0f})"
        print(f"{name:22} {len(members):3} {words:>24} {_errors(starts_ms):>18} {_errors(ends_ms):>18}")
        assert np.median(np.abs(starts_ms)) <= 150
        assert np.median(np.abs(ends_ms)) <= 150
    assert len(sample) >= 40


def _errors(errors_ms: np.ndarray) -> str:
    size_ms = np.abs(errors_ms)
    return f"{np.median(size_ms):.0f} {np.percentile(size_ms, 90):.0f} {np.median(errors_ms):+.0f}"


@pytest.mark.real
def test_no_cut_lies_inside_a_word(files: list[File]) -> None:
    """A cut lies where nobody speaks, or within 100 ms of where one word ends and the next begins."""
    for file in files:
        cuts_ms = np.array([t for one in file.utterances for t in (one.said.start_ms, one.said.end_ms)])
        spoken = file.speaks[np.minimum(cuts_ms // STEP_MS, file.speaks.size - 1)]
        off_ms = np.abs(cuts_ms[:, None] - file.stamps_ms).min(axis=1)
        print(
            f"\n{file.name}: {cuts_ms.size} cuts, {(~spoken).sum()} in silence; others off a stamp by {off_ms[spoken]} ms"
        )
        assert not (spoken & (off_ms > 100)).any()


@pytest.mark.real
def test_nothing_loud_of_an_utterances_own_words_is_left_out(files: list[File]) -> None:
    """At most what a stamp may be off (150 ms), which is then the end of the word before or the beginning of the next."""
    for file in files:
        lengths_ms = []
        for one in file.utterances:
            before = file.speaks[one.words[0].start_ms // STEP_MS : one.said.start_ms // STEP_MS]
            after = file.speaks[one.said.end_ms // STEP_MS : one.reference_end_ms // STEP_MS]
            lengths_ms += [STEP_MS * sum(run) for part in (before, after) for speaks, run in _runs(part) if speaks]
        print(f"\n{file.name}: left out {sorted(lengths_ms)} ms of sound as loud as speech")
        assert max(lengths_ms, default=0) <= 150


def _runs(part: np.ndarray) -> Iterator[tuple[bool, list[int]]]:
    return ((speaks, [1 for _ in run]) for speaks, run in groupby(part.tolist()))


@pytest.mark.real
def test_the_audiobook_against_its_clean_captions(files: list[File], real_data: Path) -> None:
    """Where an utterance begins with a cue of the .srt; its ends are when a cue leaves the screen, up to 2 s after the voice."""
    book = next(file for file in files if file.name == "manifesto_audio.mp3")
    content = (real_data / "interviews" / "manifesto_audio.srt").read_bytes()
    cues = reading.read(content, "srt", 1e6, 0.5).spoken
    cues_ms = np.array([cue.start_ms for cue in cues])
    starts_ms = np.array([_nearest(one.words[0].start_ms, cues_ms) for one in book.utterances])
    errors_ms = np.array([_nearest(one.said.start_ms, cues_ms) for one in book.utterances])
    coincide = np.abs(starts_ms) <= 50
    print(
        f"\nstarts: {coincide.sum()} of {starts_ms.size} coincide with a cue's; errors {_errors(errors_ms[coincide])} ms"
    )
    assert coincide.sum() >= 5
    assert np.median(np.abs(errors_ms[coincide])) <= 150


def _nearest(time_ms: int, others_ms: np.ndarray) -> int:
    return int(time_ms - others_ms[np.abs(others_ms - time_ms).argmin()])
