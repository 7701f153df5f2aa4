"""Eligibility of utterances by duration and number of words, for the stages polarity and segments."""

from __future__ import annotations

import pyarrow as pa

from tasks.core.config import Eligibility
from tasks.text.words import has_content_words

TOO_SHORT, TOO_LONG, TOO_FEW = "too short", "too long", "too few words"


def left_out(utterances: pa.Table, settings: Eligibility) -> list[str | None]:
    """Return for every utterance the reason to leave it out, None if it is eligible; shape (n_utterances,).

    Args:
        utterances: a table with `start_s`, `end_s` (seconds) and `text`
        settings: durations in seconds; words are counted without stop words
    """
    columns = utterances.select(["start_s", "end_s", "text"]).to_pydict()
    return [
        reason(end_s - start_s, text, settings)
        for start_s, end_s, text in zip(columns["start_s"], columns["end_s"], columns["text"], strict=True)
    ]


def reason(duration_s: float, text: str, settings: Eligibility) -> str | None:
    """Return the reason to leave an utterance out, or None if it is eligible.

    Args:
        duration_s: seconds
        text: its text
        settings: durations in seconds; words are counted without stop words
    """
    # caption times are in milliseconds: half a millisecond absorbs the rounding error of their difference
    if duration_s < settings.min_duration_s - 0.0005:
        return TOO_SHORT
    if duration_s > settings.max_duration_s + 0.0005:
        return TOO_LONG
    return None if has_content_words(text, settings.min_words) else TOO_FEW
