"""The extractor `text`: utterances as cleaned text with context, for tf-idf and fine-tuned transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from tasks.features.base.extractor import Extractor, Transcript
from tasks.features.text.cleaning import ASCII_WORDS, SOURCE_CODE, Cleaning, ascii_quotes, clean

MARK = "[UTTERANCE]"
"""Precedes the utterance itself where later utterances may follow it."""
CleaningName = Literal["none", "ascii-quotes", "source", "source-code", "ascii-words"]


@dataclass(frozen=True)
class TextSettings:
    """Settings of the text of an utterance.

    Args:
        cleaning: of each utterance; `none`: unchanged; `ascii-quotes`: with ASCII's apostrophes and quotation marks,
            which encoders have read most; `source`: all steps of `tasks.features.text.cleaning`, those of
            `meld-text-audio`, corrected; `source-code`: what its code does; `ascii-words`: without accents, other
            non-ASCII characters and punctuation (`ser-bench`)
        context: number of earlier utterances of the dialogue to prepend
        after: number of later utterances to append, which an analysis of recordings has; the utterance itself is then
            preceded by "[UTTERANCE] ", by which `fine-tuned` finds it (`pooling: utterance`)
        speakers: prefix each utterance with its speaker as in the table, such as "Joey: "
        separator: text between utterances; the separator token of BERT is "[SEP]", of RoBERTa "</s>"
    """

    cleaning: CleaningName = "none"
    context: int = 0
    after: int = 0
    speakers: bool = False
    separator: str = " [SEP] "

    def __post_init__(self) -> None:
        check_context(self.context)
        if self.after < 0:
            raise ValueError(f"after is {self.after}; it counts later utterances and cannot be negative")


def check_context(context: int) -> None:
    """Check a number of earlier utterances.

    Args:
        context: the number

    Raises:
        ValueError: if it is negative
    """
    if context < 0:
        raise ValueError(f"context is {context}; it counts earlier utterances and cannot be negative")


def in_context(
    transcript: Transcript, context: int, separator: str, line: Callable[[str, str], str], after: int = 0
) -> str:
    """Join an utterance, the utterances before it, and those after it.

    Other utterances that are empty are skipped. The utterance itself is always a part, even if it is empty: otherwise
    the text of another utterance would take its place.

    Args:
        transcript: the utterance
        context: maximum number of earlier utterances
        separator: text between utterances
        line: (speaker, text) → formatted utterance
        after: maximum number of later utterances; above 0, `MARK` precedes the utterance itself

    Example:
        >>> transcript = Transcript("No.", "Joey", (("Ross", "Hi."), ("Ross", "Ready?")))
        >>> in_context(transcript, 1, " | ", lambda speaker, text: f"{speaker}: {text}")
        'Ross: Ready? | Joey: No.'
    """
    # not [-context:], which would be all of them for a context of 0
    before = transcript.before[max(0, len(transcript.before) - context) :]
    earlier = [formatted for speaker, text in before if (formatted := line(speaker, text))]
    own = line(transcript.speaker, transcript.text)
    if not after:
        return separator.join([*earlier, own])
    later = [formatted for speaker, text in transcript.after[:after] if (formatted := line(speaker, text))]
    return separator.join([*earlier, f"{MARK} {own}", *later])


def cleaner(name: CleaningName) -> Callable[[str], str]:
    """Return the cleaning function of a setting.

    Args:
        name: `none` (only strips white space), `ascii-quotes`, `source`, `source-code` or `ascii-words`
    """
    if name == "none":
        return lambda text: text.strip()
    if name == "ascii-quotes":
        return ascii_quotes
    steps = {"source": Cleaning(), "source-code": SOURCE_CODE, "ascii-words": ASCII_WORDS}[name]
    return lambda text: clean(text, steps)


def _start(settings: TextSettings) -> Callable[[Sequence[Transcript]], list[str]]:
    clean_text = cleaner(settings.cleaning)

    def line(speaker: str, text: str) -> str:
        return f"{speaker}: {clean_text(text)}".rstrip() if settings.speakers and speaker else clean_text(text)

    def joined(transcript: Transcript) -> str:
        return in_context(transcript, settings.context, settings.separator, line, settings.after)

    return lambda batch: [joined(transcript) for transcript in batch]


EXTRACTORS = (Extractor("text", "the words, as they are or cleaned", "text", "text", TextSettings, _start),)
