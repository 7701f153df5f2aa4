"""Split one video's captions into utterances, by cue or by sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tasks.captions import alignment, bounds, caption_file, clean, repair, sentences
from tasks.captions.caption_file import ParsedCaptions
from tasks.captions.cue import CaptionLine, CaptionWord, SpokenSpan
from tasks.captions.tokens import Token, tokens

if TYPE_CHECKING:
    from tasks.captions.speech_detection import SpeechRuns


class CaptionRules(Protocol):
    """Section `captions` of params.yaml, or values of the same names."""

    @property
    def max_overrun_s(self) -> float:
        """Seconds by which a cue may end after the sound."""

    @property
    def segmentation(self) -> str:
        """`cue` or `sentence`."""

    @property
    def longest_s(self) -> float:
        """Longest sentence in seconds."""

    @property
    def pause_s(self) -> float:
        """Silence in seconds that ends a sentence in captions without punctuation."""

    @property
    def long_pause_s(self) -> float:
        """Silence in seconds that ends a sentence in any captions."""


def read(
    content: bytes, caption_format: str, sound: Path | None, duration_s: float | None, settings: CaptionRules
) -> ParsedCaptions:
    """Parse captions into utterances: one per cue (or rolling line), or one per sentence.

    Args:
        content: the caption file
        caption_format: a format that `caption_file` reads
        sound: the decoded sound, mono; read only for sentences; None: times are those of the captions
        duration_s: duration of the sound; None: unknown, nothing is cut at the end
        settings: `segmentation`, and where sentences end

    Raises:
        Rejected: if the file as a whole cannot be read
    """
    by_word = settings.segmentation == "sentence"
    parsed = caption_file.read(content, caption_format, duration_s, settings.max_overrun_s, by_word=by_word)
    if not (by_word and parsed.spoken):
        return parsed
    duration_ms = parsed.spoken[-1].end_ms if duration_s is None else math.floor(duration_s * 1000)
    return in_sentences(parsed, _speech(sound) if sound else None, duration_ms, settings)


def in_sentences(
    parsed: ParsedCaptions, speech: SpeechRuns | None, duration_ms: int, settings: CaptionRules
) -> ParsedCaptions:
    """Join the words of cues and split them into sentences.

    Args:
        parsed: the captions by cue, with words
        speech: where someone speaks; None if it could not be detected
        duration_ms: duration of the sound
        settings: where sentences end
    """
    words = alignment.align(list(tokens(parsed.lines)), speech, timed=parsed.timed)
    return _split(parsed, words, speech, duration_ms, settings)


def of_words(
    words: Sequence[CaptionWord], sound: Path | None, duration_s: float, settings: CaptionRules
) -> ParsedCaptions:
    """Split recognised words into sentences; unlike those of captions, their times are exact.

    Args:
        words: in order of time
        sound: the decoded sound, mono: utterances that touch are cut where it is quietest; None: in the middle
        duration_s: duration of the sound
        settings: where sentences end
    """
    duration_ms, spoken, end_ms = math.floor(duration_s * 1000), list[CaptionWord](), 0
    for word in words:
        # utterances are cut between words, so that these must not overlap
        start_ms = min(max(word.start_ms, end_ms), duration_ms)
        end_ms = min(max(word.end_ms, start_ms), duration_ms)
        spoken.append(word._replace(start_ms=start_ms, end_ms=end_ms))
    lines = (CaptionLine(1, tuple(spoken)),) if spoken else ()
    nothing = ParsedCaptions((), (), lines, timed=True)
    return _split(nothing, list(tokens(lines)), _speech(sound) if sound else None, duration_ms, settings)


def _split(
    parsed: ParsedCaptions, words: Sequence[Token], speech: SpeechRuns | None, duration_ms: int, settings: CaptionRules
) -> ParsedCaptions:
    rules = sentences.SentenceRules(
        # without the margins that are added on both sides
        longest_ms=max(round(settings.longest_s * 1000) - 2 * bounds.MARGIN_MS, 1),
        pause_ms=round(settings.pause_s * 1000),
        long_pause_ms=round(settings.long_pause_s * 1000),
    )
    split = sentences.sentences(words, rules)
    worded = [sentence for sentence in split if clean.wordless_reason(sentences.text(sentence)) is None]
    edges = [(spoken[0], spoken[-1]) for spoken in map(sentences.spoken, worded)]
    times = bounds.utterance_bounds(edges, speech, duration_ms, timed=parsed.timed)
    spans = [SpokenSpan(s[0].number, *span, sentences.text(s)) for s, span in zip(worded, times, strict=True)]
    kept, no_length = repair.in_order(spans)
    # a cue of tags only remains unused, unless it became part of a sentence
    used = {token.number for sentence in worded for token in sentence}
    unused = [cue for cue in parsed.unused if cue.reason != clean.ONLY_TAG or cue.number not in used]
    ordered = sorted([*unused, *no_length], key=lambda cue: cue.number)
    return replace(parsed, spoken=tuple(kept), unused=tuple(ordered))


def _speech(sound: Path) -> SpeechRuns | None:
    # imported late: commands without a sound start without NumPy
    from tasks.captions import speech_detection

    return speech_detection.detect(speech_detection.levels_db(sound))
