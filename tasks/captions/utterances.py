"""One video's captions and sound as utterances, cut as `captions.segmentation` says: captions and predict both ask."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from tasks.captions import bounds, clean, fitting, reading, repair, sentences, speech
from tasks.captions.cue import Spoken
from tasks.captions.reading import Reading
from tasks.captions.tokens import tokens
from tasks.core.config import Captions


def read(content: bytes, caption_format: str, sound: Path, duration_s: float, settings: Captions) -> Reading:
    """Read captions as utterances: one per cue (or rolling line), or one per sentence.

    Args:
        content: the caption file
        caption_format: "vtt" or "srt"
        sound: the decoded sound; read only for sentences
        duration_s: of the sound
        settings: the way of cutting, and its numbers

    Raises:
        Rejected: if the file as a whole cannot be read
    """
    by_word = settings.segmentation == "sentence"
    found = reading.read(content, caption_format, duration_s, settings.max_overrun_s, by_word=by_word)
    if not (by_word and found.spoken):
        return found
    return in_sentences(found, speech.speech(speech.levels_db(sound)), math.floor(duration_s * 1000), settings)


def in_sentences(found: Reading, heard: speech.Speech | None, duration_ms: int, settings: Captions) -> Reading:
    """Join the words of cues and cut them into sentences.

    Args:
        found: the captions, cue by cue
        heard: when someone speaks, if the sound tells
        duration_ms: of the sound
        settings: where sentences end
    """
    rules = sentences.Rules(
        # an utterance has a margin on both sides
        longest_ms=max(round(settings.longest_s * 1000) - 2 * bounds.MARGIN_MS, 1),
        pause_ms=round(settings.pause_s * 1000),
        long_pause_ms=round(settings.long_pause_s * 1000),
    )
    words = fitting.fitted(list(tokens(found.lines)), heard, timed=found.timed)
    worded = [one for one in sentences.sentences(words, rules) if clean.wordless(sentences.text(one)) is None]
    edges = [(said[0], said[-1]) for said in map(sentences.spoken, worded)]
    spans = bounds.bounds(edges, heard, duration_ms, timed=found.timed)
    said = [Spoken(one[0].number, *span, sentences.text(one)) for one, span in zip(worded, spans, strict=True)]
    kept, no_length = repair.in_order(said)
    # a cue that is only a tag is lost as before, unless it came within a sentence
    used = {token.number for one in worded for token in one}
    lost = [one for one in found.lost if one.reason != clean.ONLY_TAG or one.number not in used]
    return replace(found, spoken=tuple(kept), lost=tuple(sorted([*lost, *no_length], key=lambda one: one.number)))
