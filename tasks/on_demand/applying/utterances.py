"""Utterances of a new medium: those of its captions or recognised words, fixed windows, or the whole file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tasks.captions import caption_file, utterances
from tasks.captions.caption_file import ParsedCaptions
from tasks.captions.cue import SpokenSpan
from tasks.core.config import Config
from tasks.core.errors import InputError, Rejected
from tasks.core.results import Reject
from tasks.labelling.base.voter_input import primary
from tasks.labelling.votes import eligibility
from tasks.on_demand.applying.intake import Medium
from tasks.on_demand.applying.recognised import RecognisedWords
from tasks.text.words import ENGLISH

Cutting = Literal["auto", "captions", "windows", "file"]


@dataclass(frozen=True)
class NewUtterance:
    """A stretch of a medium in seconds; `end_s` None: the end of the file; `text` "": unknown."""

    id: str
    start_s: float
    end_s: float | None
    text: str = ""


@dataclass(frozen=True)
class NewUtterances:
    """Utterances in the order of time, what they are, and those that are not used."""

    unit: Literal["captions", "recognised", "windows", "file"]
    rows: tuple[NewUtterance, ...]
    rejects: tuple[Reject, ...] = ()


def cut(medium: Medium, by: Cutting, config: Config, words: RecognisedWords | None = None) -> NewUtterances:
    """Return a medium's utterances.

    Args:
        medium: the medium
        by: `auto`: captions if there are some, else windows
        config: all settings; sections `captions`, `eligibility` and `predict` decide
        words: recognised ones, which are used instead of captions

    Raises:
        InputError: if captions are needed and missing, or cannot be read
    """
    if words is not None:
        return _recognised(medium, words, config, whole=by == "file")
    if by == "captions" and medium.captions is None:
        raise InputError(f"{medium.source}: there are no captions; put X.vtt beside X, or name them: --captions FILE")
    if by == "file":
        spoken = _read(medium, config).spoken if medium.captions else ()
        text = " ".join(utterance.text for utterance in spoken)
        return NewUtterances("file", (NewUtterance("00000", 0.0, None, text),))
    if medium.captions is None or by == "windows":
        return NewUtterances("windows", _windows(medium.duration_s, config))
    return _captioned(medium, config)


def _captioned(medium: Medium, config: Config) -> NewUtterances:
    captions = _read(medium, config)
    rejects = [Reject(f"{medium.name}#{unused.number}", unused.reason, unused.detail) for unused in captions.unused]
    return _eligible("captions", captions.spoken, medium, rejects, config)


def _recognised(medium: Medium, words: RecognisedWords, config: Config, *, whole: bool) -> NewUtterances:
    if whole:
        text = " ".join(word.text for word in words.words)
        return NewUtterances("file", (NewUtterance("00000", 0.0, None, text),), words.rejects)
    spoken = utterances.of_words(words.words, medium.flac, medium.duration_s, config.captions).spoken
    return _eligible("recognised", spoken, medium, list(words.rejects), config)


def _eligible(
    unit: Literal["captions", "recognised"],
    spoken: Sequence[SpokenSpan],
    medium: Medium,
    rejects: list[Reject],
    config: Config,
) -> NewUtterances:
    rows = list[NewUtterance]()
    language = primary(medium.language) or ENGLISH
    for number, utterance in enumerate(spoken):
        start_s, end_s = utterance.start_ms / 1000, utterance.end_ms / 1000
        if (reason := eligibility.reason(end_s - start_s, utterance.text, config.eligibility, language)) is not None:
            # recognised sentences have no cue
            place = utterance.number if unit == "captions" else f"sentence-{number}"
            rejects.append(Reject(f"{medium.name}#{place}", reason, utterance.text))
        else:
            rows.append(NewUtterance(f"{len(rows):05d}", start_s, end_s, utterance.text))
    return NewUtterances(unit, tuple(rows), tuple(rejects))


def _read(medium: Medium, config: Config) -> ParsedCaptions:
    assert medium.captions is not None
    try:
        content = medium.captions.read_bytes()
        caption_format = caption_file.format_of(content, medium.captions.name)
        return utterances.read(content, caption_format, medium.flac, medium.duration_s, config.captions)
    except FileNotFoundError:
        raise InputError(f"{medium.captions}: there is no such caption file") from None
    except Rejected as error:
        raise InputError(f"{medium.captions}: {error}; expected captions such as .vtt or .srt") from None


def _windows(duration_s: float, config: Config) -> tuple[NewUtterance, ...]:
    window_s, hop_s = config.predict.window_s, config.predict.hop_s
    # a last window that is too short for an utterance is left out
    last_s = max(duration_s - min(window_s, config.eligibility.min_duration_s), 0.0)
    return tuple(
        NewUtterance(f"{number:05d}", float(start_s), min(float(start_s) + window_s, duration_s))
        for number, start_s in enumerate(np.arange(0.0, last_s + 1e-9, hop_s))
    )
