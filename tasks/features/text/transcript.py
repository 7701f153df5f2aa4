"""What was said, as text: for models that read words themselves (tf-idf, fine-tuned transformers)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from tasks.features.base.extractor import Extractor, Transcript
from tasks.features.text.cleaning import Cleaning, clean

CleaningName = Literal["none", "source"]


@dataclass(frozen=True)
class TextSettings:
    """How an utterance becomes one text.

    Args:
        cleaning: `none`: the words as they stand; `source`: all of `tasks.features.text.cleaning`,
            each utterance by itself
        context: how many earlier utterances of the dialogue stand before it
        speakers: whether "Joey: " stands before what Joey says, as it is written in the table
        separator: what stands between utterances; "[SEP]" is one token for BERT and its kin, RoBERTa's is "</s>"
    """

    cleaning: CleaningName = "none"
    context: int = 0
    speakers: bool = False
    separator: str = " [SEP] "

    def __post_init__(self) -> None:
        check_context(self.context)


def check_context(context: int) -> None:
    """Demand a number of earlier utterances that can be.

    Raises:
        ValueError: if it is negative
    """
    if context < 0:
        raise ValueError(f"context is {context}; it counts earlier utterances and cannot be negative")


def in_context(said: Transcript, context: int, separator: str, line: Callable[[str, str], str]) -> str:
    """Return an utterance after the latest of those that went before it.

    Earlier ones that are empty once written leave no separator; the utterance itself keeps its place after the last
    one even where it is empty, so that nobody takes another's words for its own.

    Args:
        said: the utterance
        context: how many earlier ones are wanted; there may be fewer
        separator: what stands between two
        line: speaker, text → how one utterance is written

    Example:
        >>> said = Transcript("No.", "Joey", (("Ross", "Hi."), ("Ross", "Ready?")))
        >>> in_context(said, 1, " | ", lambda speaker, text: f"{speaker}: {text}")
        'Ross: Ready? | Joey: No.'
    """
    before = said.before[max(0, len(said.before) - context) :]
    earlier = [written for speaker, text in before if (written := line(speaker, text))]
    return separator.join([*earlier, line(said.speaker, said.text)])


def cleaned(name: CleaningName) -> Callable[[str], str]:
    """Return what cleans a text, by the name that settings have for it."""
    if name == "none":
        return lambda text: text.strip()
    everything = Cleaning()
    return lambda text: clean(text, everything)


def _start(settings: TextSettings) -> Callable[[Sequence[Transcript]], list[str]]:
    cleaner = cleaned(settings.cleaning)

    def line(speaker: str, text: str) -> str:
        return f"{speaker}: {cleaner(text)}".rstrip() if settings.speakers and speaker else cleaner(text)

    return lambda batch: [in_context(said, settings.context, settings.separator, line) for said in batch]


EXTRACTORS = (Extractor("text", "the words, as they are or cleaned", "text", "text", TextSettings, _start),)
