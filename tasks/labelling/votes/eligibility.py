"""Which utterances are long enough, in time and words, to carry a sentiment: polarity and segments both ask."""

from __future__ import annotations

import pyarrow as pa

from tasks.core.config import Eligibility
from tasks.text.words import has_content_words

TOO_SHORT, TOO_LONG, TOO_FEW = "too short", "too long", "too few words"


def left_out(utterances: pa.Table, settings: Eligibility) -> list[str | None]:
    """Return, for every utterance, why it is left out, or None if it is eligible.

    Args:
        utterances: a table with `start_s`, `end_s` and `text`
        settings: durations in seconds; words are counted without stop words
    """
    columns = utterances.select(["start_s", "end_s", "text"]).to_pydict()
    return [
        reason(end_s - start_s, text, settings)
        for start_s, end_s, text in zip(columns["start_s"], columns["end_s"], columns["text"], strict=True)
    ]


def reason(duration_s: float, text: str, settings: Eligibility) -> str | None:
    """Return why an utterance of this duration and text is left out, or None if it is eligible."""
    # times come from captions in milliseconds: half a millisecond must not decide
    if duration_s < settings.min_duration_s - 0.0005:
        return TOO_SHORT
    if duration_s > settings.max_duration_s + 0.0005:
        return TOO_LONG
    return None if has_content_words(text, settings.min_words) else TOO_FEW
