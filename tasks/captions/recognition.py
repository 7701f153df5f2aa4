"""Recognise the speech of one recording: find speech, decode it window by window, drop passages that are none.

Whisper (Radford et al. 2022, "Robust speech recognition via large-scale weak supervision") invents words where nobody
speaks, and sometimes repeats a phrase until its window is full. Therefore only detected speech is decoded; windows do
not depend on each other; and passages that repeat themselves or are improbable are dropped, and counted. A window with
such a passage is decoded once more in another way first. Nothing is random.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tasks.core import sound_files
from tasks.core.config import Section, Transcribe
from tasks.core.errors import Rejected
from tasks.core.sound_files import RATE_HZ
from tasks.text import word_errors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WINDOW_S = 28.0
"""Speech that is decoded together; Whisper's encoder sees 30 s."""
ATTEMPTS = 2
"""Ways to decode a window; the next one is tried if a passage would be dropped."""
NO_SPEECH, NOTHING_LEFT = "no speech", "no word left"
REPEATED, IMPROBABLE = "repeated passage", "improbable passage"
_BLOCK_S = 600
"""Sound in which speech is detected at a time: an hour would need 1 GB."""
_JOINED_S = 0.6
"""Speech that ends this close to the end of a block may continue after it."""
_LANGUAGE_WINDOWS = 3
_DOUBTED_NO_SPEECH, _DOUBTED_LOG_PROBABILITY = 0.6, -0.7
"""From this probability of no speech on, a passage needs a higher mean log-probability: this one."""
_LOOP_WORDS, _LOOP_TIMES, _LONGEST_PHRASE = 12, 4, 8
"""A loop is a phrase of up to 8 words that follows itself 4 times or more and fills 12 words or more."""
_SHORTEST_S = 0.02


class RecognitionRules(Section):
    """Settings that determine the words; see the section `transcribe` of params.yaml."""

    language: str | None
    beam: int
    least_speech: float
    least_log_probability: float
    most_compression: float

    @classmethod
    def of(cls, settings: Transcribe) -> RecognitionRules:
        """Return the rules of the section `transcribe`."""
        return cls.model_validate(settings.model_dump(include=set(cls.model_fields)))


@dataclass(frozen=True)
class RecognisedWord:
    """A word, its span in seconds, and its probability."""

    text: str
    start_s: float
    end_s: float
    probability: float


@dataclass(frozen=True)
class Passage:
    """Words that were decoded together.

    Args:
        words: in order of time
        log_probability: mean over the tokens
        compression: length of the text divided by its length after compression; high where it repeats itself
        no_speech: probability that nobody speaks, by the model
    """

    words: tuple[RecognisedWord, ...]
    log_probability: float
    compression: float
    no_speech: float

    @property
    def text(self) -> str:
        """All words."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True)
class DroppedPassage:
    """A passage that is not used, and why."""

    reason: str
    passage: Passage


@dataclass(frozen=True)
class RecognisedSpeech:
    """Passages of a recording in order of time.

    Args:
        language: code of the language
        language_probability: of the detected language; None if it was given
        speech_s: duration of the detected speech
        passages: those that are used
        dropped: the others
    """

    language: str
    language_probability: float | None
    speech_s: float
    passages: tuple[Passage, ...]
    dropped: tuple[DroppedPassage, ...]


class Recogniser(Protocol):
    """A model that finds and recognises speech in mono sound of 16 kHz: float32, −1 to 1, shape (n_samples,)."""

    def speech(self, samples: NDArray[np.float32]) -> Sequence[tuple[int, int]]:
        """Return the first sample of each stretch of speech, and the one after its last; in order, without overlaps."""

    def languages(self, samples: NDArray[np.float32]) -> Mapping[str, float]:
        """Return the probability of each language of at most 30 s of speech."""

    def passages(self, samples: NDArray[np.float32], language: str, attempt: int) -> Sequence[Passage]:
        """Return the words of at most 30 s of speech, decoded in one of `ATTEMPTS` ways; the first one is 0."""


def recognise(sound: Path, recogniser: Recogniser, rules: RecognitionRules) -> RecognisedSpeech:
    """Return the words of a recording.

    Args:
        sound: a FLAC file as the crawl writes it, of any length; it is read in parts
        recogniser: the model
        rules: the language, and when a passage is dropped

    Raises:
        Rejected: if there is no speech
        AudioError: if the file is damaged
    """
    with sound_files.opened(sound) as file:
        spans = list(_speech(file, recogniser))
        if not spans:
            raise Rejected(NO_SPEECH, f"none detected in {file.frames / RATE_HZ:.0f} s of sound")
        windows = _windows(spans)
        language, probability = _language(file, windows, recogniser, rules)
        decoded = [
            window.in_recording(passage)
            for window in windows
            for passage in _decoded(window.read(file), recogniser, language, rules)
        ]
    kept, dropped = _sorted_out(decoded, rules)
    speech_s = sum(stop - start for start, stop in spans) / RATE_HZ
    return RecognisedSpeech(language, probability, round(speech_s, 3), tuple(kept), tuple(dropped))


def why_dropped(passage: Passage, rules: RecognitionRules) -> str | None:
    """Return why a passage is not used, or None.

    Args:
        passage: the passage
        rules: the thresholds
    """
    if passage.compression > rules.most_compression or _has_loop(word_errors.normalised(passage.text)):
        return REPEATED
    doubted = passage.no_speech > _DOUBTED_NO_SPEECH
    least = max(rules.least_log_probability, _DOUBTED_LOG_PROBABILITY) if doubted else rules.least_log_probability
    return IMPROBABLE if passage.log_probability < least else None


@dataclass(frozen=True)
class _Window:
    """Stretches of speech that are decoded together, without the silence between them; positions in samples."""

    spans: tuple[tuple[int, int], ...]

    def read(self, file: Any) -> NDArray[np.float32]:
        """Return their samples, one after the other."""
        import numpy as np

        parts = []
        for start, stop in self.spans:
            file.seek(start)
            parts.append(file.read(stop - start, dtype="float32"))
        return np.concatenate(parts)

    def in_recording(self, passage: Passage) -> Passage:
        """Return a passage with the times of the recording."""
        return replace(passage, words=tuple(self._placed(word) for word in passage.words))

    def _placed(self, word: RecognisedWord) -> RecognisedWord:
        """Move a word to the stretch that its middle lies in; the silence around that does not belong to it."""
        middle, before = (word.start_s + word.end_s) / 2 * RATE_HZ, 0
        for start, stop in self.spans:
            length = stop - start
            if middle < before + length or stop == self.spans[-1][1]:
                first_s, last_s = start / RATE_HZ, stop / RATE_HZ
                shift_s = (start - before) / RATE_HZ
                start_s = min(max(word.start_s + shift_s, first_s), last_s - _SHORTEST_S)
                end_s = min(max(word.end_s + shift_s, start_s + _SHORTEST_S), last_s)
                return replace(word, start_s=round(start_s, 3), end_s=round(end_s, 3))
            before += length
        return word


def _speech(file: Any, recogniser: Recogniser) -> Iterator[tuple[int, int]]:
    """Yield the stretches of speech of a file that is read in blocks."""
    start = 0
    while start < file.frames:
        file.seek(start)
        samples = file.read(_BLOCK_S * RATE_HZ, dtype="float32")
        if not samples.size:
            return
        stop = start + samples.size
        spans = [(start + first, start + last) for first, last in recogniser.speech(samples)]
        goes_on = stop < file.frames and bool(spans) and spans[-1][1] > stop - _JOINED_S * RATE_HZ
        # the next block begins with the stretch that this one cuts, unless it fills the block
        start = spans.pop()[0] if goes_on and spans[-1][0] > start else stop
        yield from spans


def _windows(spans: Sequence[tuple[int, int]]) -> list[_Window]:
    longest = round(WINDOW_S * RATE_HZ)
    windows, current, length = list[_Window](), list[tuple[int, int]](), 0
    for start, stop in (part for span in spans for part in _parts(span, longest)):
        if current and length + stop - start > longest:
            windows.append(_Window(tuple(current)))
            current, length = [], 0
        current.append((start, stop))
        length += stop - start
    return [*windows, _Window(tuple(current))]


def _parts(span: tuple[int, int], longest: int) -> Iterator[tuple[int, int]]:
    start, stop = span
    while start < stop:
        yield start, min(start + longest, stop)
        start += longest


def _language(
    file: Any, windows: Sequence[_Window], recogniser: Recogniser, rules: RecognitionRules
) -> tuple[str, float | None]:
    """Return the language, and its probability if it was detected: the mean over windows across the recording."""
    if rules.language is not None:
        return rules.language, None
    n = min(_LANGUAGE_WINDOWS, len(windows))
    places = sorted({round(k * (len(windows) - 1) / max(n - 1, 1)) for k in range(n)})
    votes = [recogniser.languages(windows[place].read(file)) for place in places]
    codes = sorted(set().union(*votes))
    means = {code: sum(vote.get(code, 0.0) for vote in votes) / len(votes) for code in codes}
    best = max(codes, key=means.__getitem__)
    return best, round(means[best], 4)


def _decoded(
    samples: NDArray[np.float32], recogniser: Recogniser, language: str, rules: RecognitionRules
) -> Sequence[Passage]:
    """Return the passages of a window by the first attempt without one to drop, else by the one that loses least."""
    best: Sequence[Passage] = ()
    most = -1
    for attempt in range(ATTEMPTS):
        passages = recogniser.passages(samples, language, attempt)
        usable = [passage for passage in passages if why_dropped(passage, rules) is None]
        if len(usable) == len(passages):
            return passages
        if (n_words := sum(len(passage.words) for passage in usable)) > most:
            best, most = passages, n_words
    return best


def _sorted_out(passages: Sequence[Passage], rules: RecognitionRules) -> tuple[list[Passage], list[DroppedPassage]]:
    kept, dropped = list[Passage](), list[DroppedPassage]()
    for _, same in groupby(passages, key=lambda passage: tuple(word_errors.normalised(passage.text))):
        members = list(same)
        is_loop = len(members) >= _LOOP_TIMES
        for number, passage in enumerate(members):
            reason = REPEATED if is_loop and number else why_dropped(passage, rules)
            if reason is None:
                kept.append(passage)
            else:
                dropped.append(DroppedPassage(reason, passage))
    return kept, dropped


def _has_loop(words: Sequence[str]) -> bool:
    """Tell whether a phrase follows itself again and again."""
    for length in range(1, _LONGEST_PHRASE + 1):
        run = 0
        for place in range(length, len(words)):
            run = run + 1 if words[place] == words[place - length] else 0
            if run + length >= max(_LOOP_TIMES * length, _LOOP_WORDS):
                return True
    return False
