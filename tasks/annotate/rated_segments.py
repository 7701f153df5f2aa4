"""What is voted on, and what is said about it: the words that store, page and files share."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tasks.core.errors import InputError
from tasks.labelling.people import ratings

_NAME = re.compile(r"[^\W\d_][\w .@+-]{0,62}[\w.]|[^\W\d_]")
NOBODY = "@undertone.invalid"
"""Makes an address of a listener's name where a file wants one; RFC 2606 keeps `.invalid` from being anyone's."""
_COLUMNS = ("Id", "start_s", "end_s", ratings.ADJUDICATED, "text")


@dataclass(frozen=True, order=True)
class SegmentId:
    """What a vote is kept under: an utterance and the place it was cut at, so that no other sound gets the vote."""

    utterance_id: str
    start_s: float
    end_s: float

    @property
    def key(self) -> str:
        """A short name that says nothing and can stand in an address."""
        content = f"{self.utterance_id} {self.start_s!r} {self.end_s!r}"
        return hashlib.sha256(content.encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Segment:
    """A piece of sound to listen to: its span, its video, its text."""

    span: SegmentId
    video_id: str
    text: str


@dataclass(frozen=True)
class Adjudication:
    """What one more person says about a tie; `label` is None where they cannot tell either."""

    by: str
    label: str | None


@dataclass(frozen=True)
class RatedSegment:
    """A segment with everything that was said about it.

    Attributes:
        segment: what was heard
        votes: listener to label; None where they could not tell and skipped it
        verdict: on a tie, if there is one; it is no listener's vote
    """

    segment: Segment
    votes: Mapping[str, str | None] = field(default_factory=dict)
    verdict: Adjudication | None = None

    @property
    def ties(self) -> bool:
        """Whether people voted and no label has more votes than the others."""
        cast = {name: label for name, label in self.votes.items() if label is not None}
        return bool(cast) and ratings.majority(cast) is None


def listener(name: str, known: Collection[str] = ()) -> str:
    """Return a listener's name as it is kept: it will be a column, so that it must not be another column's.

    Args:
        name: as it was typed
        known: names there are; one that differs in case alone is taken for a slip

    Raises:
        InputError: saying what a name may be
    """
    tidy = unicodedata.normalize("NFC", name).strip()
    if not _NAME.fullmatch(tidy) or tidy.endswith(NOBODY):
        raise InputError(
            f"found the listener's name {name[:80]!r}, expected a letter first, then letters, digits, spaces and "
            ". @ + - _, at most 64 in all"
        )
    if tidy.casefold() in (column.casefold() for column in _COLUMNS):
        raise InputError(f"a listener cannot be named {tidy!r}: columns of that name hold something else")
    for one in known:
        if one != tidy and one.casefold() == tidy.casefold():
            raise InputError(f"there is a listener {one!r} already; {tidy!r} would be another one. Write it alike")
    return tidy
