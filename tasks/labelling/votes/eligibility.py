"""Eligibility of utterances by duration, number of words and speaker, for the stages polarity and segments."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from tasks.core import paths
from tasks.core.config import Eligibility
from tasks.core.errors import ConfigError
from tasks.labelling.base.voter_input import primary
from tasks.media.voices.speaker_tables import NAME
from tasks.text.words import ENGLISH, has_content_words

TOO_SHORT, TOO_LONG, TOO_FEW = "too short", "too long", "too few words"
OTHER_SPEAKER, UNKNOWN_SPEAKER = "another speaker", "unknown speaker"
ALL, MOST = "all", "most"
_COLUMNS = ("start_s", "end_s", "text", "language")
_ROWS_AT_ONCE = 1 << 16


def left_out(utterances: pa.Table, settings: Eligibility) -> list[str | None]:
    """Return for every utterance the reason to leave it out, None if it is eligible; shape (n_utterances,).

    Args:
        utterances: a table with `start_s`, `end_s` (seconds), `text` and, if not all is English, `language`; to choose
            speakers, also from `with_speakers`
        settings: durations in seconds; words are counted without stop words

    Raises:
        ConfigError: if the settings choose speakers, and these are not told apart
    """
    by_length = list[str | None]()
    columns = utterances.select([name for name in _COLUMNS if name in utterances.column_names])
    # in batches: a Python string per text takes more memory than the table
    for batch in columns.to_batches(max_chunksize=_ROWS_AT_ONCE):
        start_s, end_s, texts, *tags = (column.to_pylist() for column in batch.columns)
        languages = _languages(tags[0]) if tags else [ENGLISH] * len(texts)
        rows = zip(start_s, end_s, texts, languages, strict=True)
        by_length += [reason(end - start, text, settings, language) for start, end, text, language in rows]
    if settings.speakers == ALL and NAME not in utterances.column_names:
        return by_length
    others = by_speaker(utterances, settings.speakers)
    return [first or second for first, second in zip(by_length, others, strict=True)]


def reason(duration_s: float, text: str, settings: Eligibility, language: str = ENGLISH) -> str | None:
    """Return the reason to leave an utterance out, or None if it is eligible.

    Args:
        duration_s: seconds
        text: its text
        settings: durations in seconds; words are counted without stop words
        language: primary subtag of the text's language, whose stop words do not count
    """
    # caption times are in milliseconds: half a millisecond absorbs the rounding error of their difference
    if duration_s < settings.min_duration_s - 0.0005:
        return TOO_SHORT
    if duration_s > settings.max_duration_s + 0.0005:
        return TOO_LONG
    return None if has_content_words(text, settings.min_words, language) else TOO_FEW


def _languages(tags: Sequence[str | None]) -> list[str]:
    """Return the primary subtag of each language; English where none is stated."""
    subtags = {tag: primary(tag) or ENGLISH for tag in set(tags)}
    return [subtags[tag] for tag in tags]


def by_speaker(utterances: pa.Table, chosen: str) -> Sequence[str | None]:
    """Return for every utterance the reason to leave it out by its speaker, None if it is eligible.

    Args:
        utterances: a table with `group`, `start_s`, `end_s`, `speaker` and the speaker's name in the captions
        chosen: `all`, `most` (who speaks most in the group), or a name

    Raises:
        ConfigError: if speakers are chosen, and the table has none
    """
    if NAME not in utterances.column_names:
        if chosen == ALL:
            return [None] * utterances.num_rows
        raise ConfigError(
            f"{paths.PARAMS}: eligibility.speakers: {chosen!r} needs speakers, which are not told apart; "
            "set speakers.when: always, or eligibility.speakers: all"
        )
    speakers: list[str | None] = utterances["speaker"].to_pylist()
    if chosen == ALL:
        matches = [True] * len(speakers)
    elif chosen == MOST:
        most = _most_speech(utterances)
        matches = [speaker == most.get(group) for speaker, group in zip(speakers, _groups(utterances), strict=True)]
    else:
        matches = [(name or "").casefold() == chosen.casefold() for name in utterances[NAME].to_pylist()]
    return [
        UNKNOWN_SPEAKER if speaker is None else None if match else OTHER_SPEAKER
        for speaker, match in zip(speakers, matches, strict=True)
    ]


def _most_speech(utterances: pa.Table) -> dict[str, str]:
    """Return the speaker of each group whose utterances are longest in sum; if tied, the first by name."""
    columns = utterances.select(["group", "speaker", "start_s", "end_s"]).to_pydict()
    spoken_s = dict[tuple[str, str], float]()
    for group, speaker, start_s, end_s in zip(*columns.values(), strict=True):
        if speaker is not None:
            spoken_s[group, speaker] = spoken_s.get((group, speaker), 0.0) + end_s - start_s
    ordered = sorted(spoken_s, key=lambda place: (round(spoken_s[place], 3), [-ord(letter) for letter in place[1]]))
    return dict(ordered)


def _groups(utterances: pa.Table) -> list[str]:
    groups: list[str] = utterances["group"].to_pylist()
    return groups
