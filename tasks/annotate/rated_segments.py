"""Segments and their ratings, the data types that store, page and files share."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tasks.core.errors import InputError
from tasks.labelling.people import ratings
from tasks.labelling.people.rating_sheets import Playback

_NAME = re.compile(r"[^\W\d_][\w .@+-]{0,62}[\w.]|[^\W\d_]")
EMAIL_SUFFIX = "@undertone.invalid"
"""Turns a listener's name into an e-mail address where a file needs one; RFC 2606 reserves `.invalid`."""
UNNAMED = "adjudicator"
"""Placeholder for the person who adjudicated: a CSV file does not name them."""
_COLUMNS = ("Id", "start_s", "end_s", ratings.ADJUDICATED, ratings.SAMPLING, "text")


@dataclass(frozen=True, order=True)
class SegmentId:
    """Key of a rating: the utterance and its cut, times in seconds. A segment with another cut has another sound."""

    utterance_id: str
    start_s: float
    end_s: float

    @property
    def key(self) -> str:
        """A hash for URLs, from which the utterance cannot be guessed."""
        content = f"{self.utterance_id} {self.start_s!r} {self.end_s!r}"
        return hashlib.sha256(content.encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Segment:
    """A piece of sound to rate."""

    id: SegmentId
    video_id: str
    text: str


@dataclass(frozen=True)
class Adjudication:
    """Decision of another person on a tie; `label` is None if they cannot tell either."""

    by: str
    label: str | None


@dataclass(frozen=True)
class RatedSegment:
    """A segment with its ratings.

    Attributes:
        segment: the segment
        ratings: listener to label; None if they could not tell and skipped it
        adjudication: of a tie, if there is one; it does not count as a listener's rating
        playback: listener to how they played the segment; not of ratings from other programs
        again: listener to label of the hidden repetition, which is no further rating
        sampling: how it was drawn, `ratings.RANDOM` or `ratings.PROPOSED`; None: not marked
    """

    segment: Segment
    ratings: Mapping[str, str | None] = field(default_factory=dict)
    adjudication: Adjudication | None = None
    playback: Mapping[str, Playback] = field(default_factory=dict)
    again: Mapping[str, str | None] = field(default_factory=dict)
    sampling: str | None = None

    @property
    def ties(self) -> bool:
        """Whether there are ratings and no label has more than the others."""
        labels = {name: label for name, label in self.ratings.items() if label is not None}
        return bool(labels) and ratings.majority(labels) is None


def checked_name(name: str, existing: Collection[str] = ()) -> str:
    """Return a listener's name in normal form. It becomes a CSV column, so it must not equal another column's name.

    Args:
        name: as typed
        existing: names of listeners; a name that differs only in case is taken as a typing error

    Raises:
        InputError: if the name is not valid
    """
    tidy = unicodedata.normalize("NFC", name).strip()
    if not _NAME.fullmatch(tidy) or tidy.endswith(EMAIL_SUFFIX):
        raise InputError(
            f"found the listener's name {name[:80]!r}, expected a letter first, then letters, digits, spaces and "
            ". @ + - _, at most 64 in all"
        )
    if tidy.casefold() in (column.casefold() for column in _COLUMNS):
        raise InputError(f"a listener cannot be named {tidy!r}: this is the name of another column")
    for other in existing:
        if other != tidy and other.casefold() == tidy.casefold():
            raise InputError(f"there is a listener {other!r} already; write the name like that, not {tidy!r}")
    return tidy
