"""Sentences of real captions, measured against the times of their words and against the sound itself.

`pytest -m real -s tests/tasks/captions/test_utterances.py` prints the tables. The references do not know the sound:

- start: the first word's stamp; but in older captions the first word after a pause bears the second word's stamp less
  one second exactly, whatever is said: for such a word, the second's stamp less what its own letters take. The
  difference from the raw stamp is printed beside it.
- end: automatic captions do not say when a word ends; the next word's stamp where speech goes on, else the last word's
  stamp and what its letters take.

What letters take: 120 ms a word and 35 ms a letter, the medians of 2,722 words in five other files; before a pause,
where words are drawn out, about twice that (150 and 70 ms).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tasks.captions import caption_file, utterances
from tasks.captions.cue import SpokenSpan
from tasks.captions.tokens import Token, tokens
from tasks.core.config import Config
from tasks.media.decode import to_flac
from tasks.simulate import captions, interviews
from tasks.simulate.sound import Utterance, encode, record

SOUNDS = {"1.en.vtt": "1.webm", "2.en.vtt": "2.m4a", "manifesto_audio.vtt": "manifesto_audio.mp3"}
SAMPLED, SEED = 50, 7
STEP_MS = 5


@dataclass(frozen=True)
class Measured:
    """An utterance, its words with their caption times, and the word after it."""

    span: SpokenSpan
    words: tuple[Token, ...]
    following: Token | None

    @property
    def start_error_ms(self) -> int:
        return self.span.start_ms - _start_ms(self.words[0])

    @property
    def raw_start_error_ms(self) -> int:
        return self.span.start_ms - self.words[0].start_ms

    @property
    def end_error_ms(self) -> int:
        return self.span.end_ms - self.reference_end_ms

    @property
    def reference_end_ms(self) -> int:
        return _end_ms(self.words[-1], self.following)


def _lasts_ms(word: Token) -> int:
    return 120 + 35 * sum(map(str.isalnum, word.text))


def _start_ms(word: Token) -> int:
    if abs(word.end_ms - word.start_ms - 1_000) <= 10:
        return max(word.start_ms, word.end_ms - _lasts_ms(word))
    return word.start_ms


def _end_ms(word: Token, following: Token | None) -> int:
    drawn_out_ms = _start_ms(word) + 150 + 70 * sum(map(str.isalnum, word.text))
    return min(drawn_out_ms, _start_ms(following)) if following else drawn_out_ms


@dataclass(frozen=True)
class File:
    """A file's utterances, and whether someone speaks in each 5 ms, measured independently of the tested code."""

    name: str
    utterances: tuple[Measured, ...]
    speaks: np.ndarray
    words: tuple[Token, ...]


def _speaks(flac: Path) -> np.ndarray:
    signal, rate_hz = soundfile.read(flac)
    step = rate_hz * STEP_MS // 1000
    frames = signal[: signal.size // step * step].reshape(-1, step)
    power = np.convolve((frames**2).mean(axis=1), np.full(5, 0.2), mode="same")
    level_db = 10 * np.log10(power + 1e-10)
    floor_db, loud_db = np.percentile(level_db[level_db > -90], [10, 95])
    return np.asarray(level_db > floor_db + (loud_db - floor_db) / 3)


def _measured(spans: tuple[SpokenSpan, ...], words: list[Token]) -> Iterator[Measured]:
    place = 0
    for span in spans:
        n_words = len(span.text.split())
        while " ".join(word.text for word in words[place : place + n_words]) != span.text:
            assert not words[place].spoken, f"{words[place]} is in no utterance"
            place += 1
        own = tuple(word for word in words[place : place + n_words] if word.spoken)
        place += n_words
        yield Measured(span, own, words[place] if place < len(words) else None)
    assert not any(word.spoken for word in words[place:])


@pytest.fixture(scope="module")
def files(real_data: Path, settings: Config, tmp_path_factory: pytest.TempPathFactory) -> list[File]:
    by_sentence = settings.captions.model_copy(update={"segmentation": "sentence"})
    files = []
    for name, sound in SOUNDS.items():
        flac = tmp_path_factory.mktemp("sound") / "sound.flac"
        duration_s = to_flac(real_data / "interviews" / sound, flac)
        content = (real_data / "interviews" / name).read_bytes()
        spans = utterances.read(content, "vtt", flac, duration_s, by_sentence).spoken
        words = list(
            tokens(caption_file.read(content, "vtt", duration_s, by_sentence.max_overrun_s, by_word=True).lines)
        )
        files.append(File(sound, tuple(_measured(spans, words)), _speaks(flac), tuple(words)))
    return files


def _sample(files: list[File]) -> list[tuple[File, Measured]]:
    every = [(file, utterance) for file in files for utterance in file.utterances]
    chosen = np.random.default_rng(SEED).permutation(len(every))[:SAMPLED]
    return [every[place] for place in sorted(chosen)]


@pytest.mark.parametrize("write", [captions.manual_vtt, captions.automatic_vtt])
def test_invented_interviews_are_cut_where_their_sentences_are(
    write: Callable[[Sequence[Utterance]], str], settings: Config, tmp_path: Path
) -> None:
    """The true times are known: the tolerance is the margin of 50 ms, a step of 10 ms, and soft sounds."""
    interview = interviews.plan(settings.simulate)[0]
    recording = record(interview, settings.simulate.noise_db)
    encode(recording, tmp_path / f"sound.{interview.container}")
    flac = tmp_path / "sound.flac"
    duration_s = to_flac(tmp_path / f"sound.{interview.container}", flac)
    by_sentence = settings.captions.model_copy(update={"segmentation": "sentence"})
    content = write(recording.utterances).encode()
    spans = utterances.read(content, "vtt", flac, duration_s, by_sentence).spoken
    starts_ms = np.array([utterance.start_s * 1000 for utterance in recording.utterances])
    ends_ms = np.array([utterance.end_s * 1000 for utterance in recording.utterances])
    assert len(spans) >= 8
    assert max(abs(_nearest(utterance.start_ms, starts_ms)) for utterance in spans) <= 100
    assert max(abs(_nearest(utterance.end_ms, ends_ms)) for utterance in spans) <= 100
    if write is captions.manual_vtt:
        true = {utterance.text for utterance in recording.utterances}
        assert sum(utterance.text in true for utterance in spans) >= 0.9 * len(spans)


@pytest.mark.real
def test_starts_and_ends_lie_where_words_do(files: list[File]) -> None:
    sample = _sample(files)
    print(f"\n{len(sample)} utterances, seed {SEED}; in ms: median of |error|, its 90th percentile, median error")
    print(f"{'':20} {'n':>3} {'words (10-90 %)':>16} {'start':>14} {'start, raw stamp':>18} {'end':>14}")
    groups = [(name, list(members)) for name, members in groupby(sample, key=lambda pair: pair[0].name)]
    for name, members in [*groups, ("all", sample)]:
        measured = [utterance for _, utterance in members]
        n_words = np.array([len(utterance.words) for utterance in measured])
        starts_ms = np.array([utterance.start_error_ms for utterance in measured])
        raw_ms = np.array([utterance.raw_start_error_ms for utterance in measured])
        ends_ms = np.array([utterance.end_error_ms for utterance in measured])
        words = f"{np.median(n_words):.0f} ({np.percentile(n_words, 10):.0f}-{np.percentile(n_words, 90):.0f})"
        errors = f"{_errors(starts_ms):>14} {_errors(raw_ms):>18} {_errors(ends_ms):>14}"
        print(f"{name:20} {len(measured):3} {words:>16} {errors}")
    # the last are all of them
    assert np.median(np.abs(starts_ms)) <= 150
    assert np.median(np.abs(ends_ms)) <= 150
    assert len(sample) >= 40


def _errors(errors_ms: np.ndarray) -> str:
    size_ms = np.abs(errors_ms)
    return f"{np.median(size_ms):.0f} {np.percentile(size_ms, 90):.0f} {np.median(errors_ms):+.0f}"


@pytest.mark.real
def test_no_cut_lies_inside_a_word(files: list[File]) -> None:
    """Each cut is where nobody speaks, within 150 ms of the start or end of a word, or outside words."""
    for file in files:
        spans = [(_start_ms(utterance), _end_ms(utterance, after)) for utterance, after in pairwise(file.words)]
        cuts_ms = [
            time_ms for utterance in file.utterances for time_ms in (utterance.span.start_ms, utterance.span.end_ms)
        ]
        loud_ms = [time_ms for time_ms in cuts_ms if file.speaks[min(time_ms // STEP_MS, file.speaks.size - 1)]]
        inside = [min(t - a, b - t) for t in loud_ms for a, b in spans if a < t < b]
        print(f"\n{file.name}: {len(cuts_ms)} cuts, {len(loud_ms)} where someone speaks, inside words by {inside} ms")
        assert max(inside, default=0) <= 150


@pytest.mark.real
def test_nothing_loud_of_an_utterances_own_words_is_left_out(files: list[File]) -> None:
    """At most the error of caption times (150 ms): the end of the word before, or the start of the next."""
    for file in files:
        lengths_ms = []
        for utterance in file.utterances:
            before = file.speaks[_start_ms(utterance.words[0]) // STEP_MS : utterance.span.start_ms // STEP_MS]
            after = file.speaks[utterance.span.end_ms // STEP_MS : utterance.reference_end_ms // STEP_MS]
            lengths_ms += [STEP_MS * sum(run) for part in (before, after) for speaks, run in _runs(part) if speaks]
        print(f"\n{file.name}: left out {sorted(lengths_ms)} ms of sound as loud as speech")
        assert max(lengths_ms, default=0) <= 150


def _runs(part: np.ndarray) -> Iterator[tuple[bool, list[int]]]:
    return ((speaks, [1 for _ in run]) for speaks, run in groupby(part.tolist()))


@pytest.mark.real
def test_the_audiobook_against_its_clean_captions(files: list[File], real_data: Path) -> None:
    """Starts of utterances that begin with a cue of the .srt. Ends are not compared: cues stay up to 2 s longer."""
    book = next(file for file in files if file.name == "manifesto_audio.mp3")
    content = (real_data / "interviews" / "manifesto_audio.srt").read_bytes()
    cues = caption_file.read(content, "srt", 1e6, 0.5, by_word=False).spoken
    cues_ms = np.array([cue.start_ms for cue in cues])
    starts_ms = np.array([_nearest(utterance.words[0].start_ms, cues_ms) for utterance in book.utterances])
    errors_ms = np.array([_nearest(utterance.span.start_ms, cues_ms) for utterance in book.utterances])
    coincide = np.abs(starts_ms) <= 50
    print(f"\n{coincide.sum()} of {starts_ms.size} starts are a cue's; errors {_errors(errors_ms[coincide])} ms")
    assert coincide.sum() >= 5
    assert np.median(np.abs(errors_ms[coincide])) <= 150


def _nearest(time_ms: int, others_ms: np.ndarray) -> int:
    return int(time_ms - others_ms[np.abs(others_ms - time_ms).argmin()])
