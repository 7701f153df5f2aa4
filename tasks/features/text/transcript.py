"""The extractor `text`: utterances as cleaned text with context, for tf-idf and fine-tuned transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from tasks.features.base.extractor import Extractor, Transcript
from tasks.features.text.cleaning import ASCII_WORDS, SOURCE_CODE, Cleaning, clean

CleaningName = Literal["none", "source", "source-code", "ascii-words"]


@dataclass(frozen=True)
class TextSettings:
    """Settings of the text of an utterance.

    Args:
        cleaning: of each utterance; `none`: unchanged; `source`: all steps of `tasks.features.text.cleaning`, those of
            `meld-text-audio`, corrected; `source-code`: what its code does; `ascii-words`: without accents, other
            non-ASCII characters and punctuation (`ser-bench`)
        context: number of earlier utterances of the dialogue to prepend
        speakers: prefix each utterance with its speaker as in the table, such as "Joey: "
        separator: text between utterances; the separator token of BERT is "[SEP]", of RoBERTa "</s>"
    """

    cleaning: CleaningName = "none"
    context: int = 0
    speakers: bool = False
    separator: str = " [SEP] "

    def __post_init__(self) -> None:
        check_context(self.context)


def check_context(context: int) -> None:
    """Check a number of earlier utterances.

    Args:
        context: the number

    Raises:
        ValueError: if it is negative
    """
    if context < 0:
        raise ValueError(f"context is {context}; it counts earlier utterances and cannot be negative")


def in_context(transcript: Transcript, context: int, separator: str, line: Callable[[str, str], str]) -> str:
    """Join an utterance and the utterances before it.

    Earlier utterances that are empty are skipped. The utterance itself is always the last part, even if it is empty:
    otherwise the text of another utterance would take its place.

    Args:
        transcript: the utterance
        context: maximum number of earlier utterances
        separator: text between utterances
        line: (speaker, text) → formatted utterance

    Example:
        >>> transcript = Transcript("No.", "Joey", (("Ross", "Hi."), ("Ross", "Ready?")))
        >>> in_context(transcript, 1, " | ", lambda speaker, text: f"{speaker}: {text}")
        'Ross: Ready? | Joey: No.'
    """
    # not [-context:], which would be all of them for a context of 0
    before = transcript.before[max(0, len(transcript.before) - context) :]
    earlier = [formatted for speaker, text in before if (formatted := line(speaker, text))]
    return separator.join([*earlier, line(transcript.speaker, transcript.text)])


def cleaner(name: CleaningName) -> Callable[[str], str]:
    """Return the cleaning function of a setting.

    Args:
        name: `none` (only strips white space), `source`, `source-code` or `ascii-words`
    """
    if name == "none":
        return lambda text: text.strip()
    steps = {"source": Cleaning(), "source-code": SOURCE_CODE, "ascii-words": ASCII_WORDS}[name]
    return lambda text: clean(text, steps)


def _start(settings: TextSettings) -> Callable[[Sequence[Transcript]], list[str]]:
    clean_text = cleaner(settings.cleaning)

    def line(speaker: str, text: str) -> str:
        return f"{speaker}: {clean_text(text)}".rstrip() if settings.speakers and speaker else clean_text(text)

    return lambda batch: [in_context(transcript, settings.context, settings.separator, line) for transcript in batch]


EXTRACTORS = (Extractor("text", "the words, as they are or cleaned", "text", "text", TextSettings, _start),)
