"""Voter whose votes are in a file: `data/voters/NAME.csv`, from a language model or a person, with a card beside it.

A vote belongs to an utterance's id and to a digest of its text: a vote for a text that has changed since is refused.
Utterances without a vote are abstentions. The card, `NAME.json`, states how the votes were made, so that readers of the
labels can judge them and repeat them.
"""

from __future__ import annotations

import hashlib
import math
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tasks.core import artifacts, tables, text_files
from tasks.core.errors import ConfigError, InputError, TableError
from tasks.core.results import Reject
from tasks.labelling.base.vote import Chances, Vote
from tasks.labelling.base.voter_input import VoterInput, primary

COLUMNS = ("id", "digest", "vote")
CARD_FIELDS = ("model", "date", "prompt", "licence")
OTHER_TEXT, UNKNOWN = "vote for another text", "vote for an unknown utterance"
MAX_BYTES = 512 << 20
"""Size limit of the votes: a million rows have about 60 MB."""
_MAX_CARD_BYTES = 1 << 20
_N_DIGITS = 12
_DIGEST = re.compile(rf"[0-9a-f]{{{_N_DIGITS}}}")
_PROBABILITY = "probability"
_SIGNS: Mapping[str, float] = dict(zip(tables.SENTIMENTS, (-1.0, 0.0, 1.0), strict=True))
_ABSTAINS = ("", "abstain")
_NO_CHANCES = (math.nan,) * len(tables.SENTIMENTS)
_N_VALUES = 1 + len(tables.SENTIMENTS)
_SUM_WITHIN = 1e-2
"""Language models round their probabilities to two digits; they are divided by their sum."""


@dataclass(frozen=True, slots=True)
class FileVote:
    """A row of a file of votes.

    Args:
        row: its number, from 1, without the header
        digest: of the text that was voted on
        vote: as a voter returns it
    """

    row: int
    digest: str
    vote: Vote


class FileVotes(Mapping[str, FileVote]):
    """Votes of a file by utterance id, in its order.

    Numbers are in arrays: a million votes as Python objects would take four times the memory, in every process.
    """

    def __init__(self) -> None:
        self._place_of: dict[str, int] = {}
        self._digests = array("Q")
        self._values = array("d")

    def add(self, utterance_id: str, bound_to: str, vote: Vote) -> None:
        """Add the vote of the next row; its id must be new.

        Args:
            utterance_id: the utterance
            bound_to: digest of its text
            vote: as a voter returns it
        """
        self._place_of[utterance_id] = len(self._digests)
        self._digests.append(int(bound_to, 16))
        if isinstance(vote, tuple):
            self._values.extend((math.nan, *vote))
        else:
            self._values.extend((math.nan if vote is None else vote, *_NO_CHANCES))

    def __getitem__(self, utterance_id: str) -> FileVote:
        place = self._place_of[utterance_id]
        polarity, *chances = self._values[_N_VALUES * place : _N_VALUES * (place + 1)]
        vote = Chances(*chances) if not math.isnan(chances[0]) else None if math.isnan(polarity) else polarity
        return FileVote(place + 1, f"{self._digests[place]:0{_N_DIGITS}x}", vote)

    def __iter__(self) -> Iterator[str]:
        return iter(self._place_of)

    def __len__(self) -> int:
        return len(self._place_of)


@dataclass(frozen=True)
class VotesCard:
    """Origin of votes in a file.

    Args:
        model: who voted: a language model with its version, or persons
        date: on which the votes were made
        prompt: complete text of the instructions
        licence: under which the votes may be used
        languages: primary subtags of the texts' languages; None: all
    """

    model: str
    date: date
    prompt: str
    licence: str
    languages: frozenset[str] | None = None

    @property
    def terms(self) -> str:
        """Licence and origin, as pages show them."""
        return f"{self.licence} (votes of {self.model}, {self.date.isoformat()})"


def digest(text: str) -> str:
    """Return the digest by which a vote is bound to its text: 12 hexadecimal digits.

    Args:
        text: the utterance's text as in the captions
    """
    return hashlib.sha256(text.encode()).hexdigest()[:_N_DIGITS]


def card_path(path: Path) -> Path:
    """Return the path of the card of a file of votes.

    Args:
        path: the votes
    """
    return path.with_suffix(".json")


def card(path: Path) -> VotesCard:
    """Return the card of a file of votes.

    Args:
        path: the votes, a .csv file

    Raises:
        ConfigError: if the card is missing, damaged or not complete
    """
    place = card_path(path)
    try:
        fields = artifacts.parse_json(text_files.read_bytes(place, _MAX_CARD_BYTES), place)
    except (InputError, TableError) as error:
        reason = str(error).partition("; recreate it:")[0]
        raise ConfigError(
            f"{reason}; a file of votes needs a card, {place.name}, with {', '.join(CARD_FIELDS)} (docs/labels.md)"
        ) from None
    missing = [name for name in CARD_FIELDS if not isinstance(fields.get(name), str) or not fields[name].strip()]
    if missing:
        raise ConfigError(
            f"{place}: {', '.join(missing)} is missing; expected a text for each of {', '.join(CARD_FIELDS)}"
        )
    try:
        made = date.fromisoformat(fields["date"])
    except ValueError:
        raise ConfigError(
            f"{place}: found the date {text_files.quoted(fields['date'])}, expected one such as 2026-11-30"
        ) from None
    languages = _languages(fields.get("languages"), place)
    return VotesCard(fields["model"], made, fields["prompt"], fields["licence"], languages)


def _languages(value: object, place: Path) -> frozenset[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not value or not all(isinstance(tag, str) and primary(tag) for tag in value):
        raise ConfigError(f'{place}: found the languages {str(value)[:80]!r}, expected a list such as ["es", "pt"]')
    return frozenset(primary(tag) or "" for tag in value)


def read(path: Path) -> FileVotes:
    """Read a file of votes.

    Columns: `id`, `digest` and `vote` (negative, neutral, positive, a number from -1 to 1, or empty to abstain); also
    `probability`, of the vote, or `negative`, `neutral` and `positive`, the probabilities of the classes.

    Args:
        path: a .csv file

    Raises:
        ConfigError: names file, row and error
    """
    try:
        return parse(text_files.read_text(path, MAX_BYTES), path)
    except InputError as error:
        raise ConfigError(str(error)) from None


def parse(text: str, path: Path) -> FileVotes:
    """Return the votes of a file's text.

    Args:
        text: content of the file
        path: for messages

    Raises:
        ConfigError: names file, row and error
    """
    try:
        # rows one by one: a table of a million rows would take several times the memory of the votes
        rows = text_files.csv_rows(text, path)
        header = next((cells for _, cells in rows if cells), [])
        _check_header(header, path)
        votes = FileVotes()
        for number, cells in enumerate((cells for _, cells in rows if cells), start=1):
            utterance_id, bound_to, vote = _row(path, number, header, cells)
            if utterance_id in votes:
                raise ConfigError(
                    f"{path}: row {number}: the id {text_files.quoted(utterance_id)} is also in row "
                    f"{votes[utterance_id].row}; expected one vote for each utterance"
                )
            votes.add(utterance_id, bound_to, vote)
    except InputError as error:
        raise ConfigError(str(error)) from None
    return votes


def _check_header(header: Sequence[str], path: Path) -> None:
    if missing := [name for name in COLUMNS if name not in header]:
        raise ConfigError(
            f"{path}: column {', '.join(missing)} is missing; found {text_files.listed(header)}, "
            f"expected {', '.join(COLUMNS)} (undertone labels export-texts writes id and digest)"
        )
    classes = [name for name in tables.SENTIMENTS if name in header]
    if classes and len(classes) < len(tables.SENTIMENTS):
        raise ConfigError(
            f"{path}: found the columns {', '.join(classes)}; expected all of {', '.join(tables.SENTIMENTS)}, or none"
        )


def _row(path: Path, number: int, header: Sequence[str], cells: Sequence[str]) -> tuple[str, str, Vote]:
    try:
        if len(cells) != len(header):
            raise ValueError(f"found {len(cells)} cells, expected {len(header)}, as in the header")
        row = dict(zip(header, cells, strict=True))
        utterance_id, bound_to = row["id"].strip(), row["digest"].strip().lower()
        if not utterance_id:
            raise ValueError("the id is empty")
        if not _DIGEST.fullmatch(bound_to):
            raise ValueError(f"found the digest {text_files.quoted(bound_to)}, expected {_N_DIGITS} hexadecimal digits")
        return utterance_id, bound_to, _chances(row) if tables.SENTIMENTS[0] in row else _vote(row)
    except ValueError as error:
        raise ConfigError(f"{path}: row {number}: {error}") from None


def _chances(cells: Mapping[str, str]) -> Vote:
    written = [cells[name].strip() for name in tables.SENTIMENTS]
    if not any(written):
        return _vote(cells)
    values = [_fraction(cell, "probability") for cell in written]
    total = sum(values)
    if abs(total - 1) > _SUM_WITHIN:
        raise ValueError(f"found the probabilities {', '.join(written)}, whose sum is {total:g}; expected a sum of 1")
    chances = Chances(*(value / total for value in values))
    vote = cells["vote"].strip().lower()
    if vote in _SIGNS and getattr(chances, vote) < max(chances):
        raise ValueError(f"the vote is {vote}, but another class is more probable ({', '.join(written)})")
    return chances


def _vote(cells: Mapping[str, str]) -> Vote:
    written, probability = cells["vote"].strip().lower(), cells.get(_PROBABILITY, "").strip()
    if written in _ABSTAINS:
        return None
    weight = _fraction(probability, _PROBABILITY) if probability else 1.0
    if written in _SIGNS:
        return _SIGNS[written] * weight
    try:
        polarity = text_files.number(written)
    except ValueError:
        polarity = 2.0
    if abs(polarity) > 1:
        raise ValueError(
            f"found the vote {text_files.quoted(written)}, expected {', '.join(tables.SENTIMENTS)}, a number from -1 "
            "to 1, or nothing to abstain"
        )
    return polarity * weight


def _fraction(cell: str, name: str) -> float:
    try:
        value = text_files.number(cell)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ValueError(f"found the {name} {text_files.quoted(cell)}, expected a number from 0 to 1")
    return value


def vote_of(votes: FileVotes, given: VoterInput) -> Vote:
    """Return the vote for an utterance; None if there is none, or it is for another text.

    Args:
        votes: from `read`
        given: the utterance
    """
    vote = votes.get(given.utterance_id)
    if vote is None or vote.digest != digest(given.original or given.text):
        return None
    return vote.vote


def refused(path: Path, votes: FileVotes, texts: Mapping[str, str]) -> list[Reject]:
    """Return the votes of a file that no utterance can use.

    Args:
        path: the votes' file, for messages
        votes: from `read`
        texts: utterance id → text, of all utterances

    Raises:
        ConfigError: if no vote can be used: the file is of other captions
    """
    rejects = []
    for utterance_id, vote in votes.items():
        text = texts.get(utterance_id)
        if text is None:
            rejects.append(Reject(utterance_id, UNKNOWN, f"{path}, row {vote.row}"))
        elif vote.digest != digest(text):
            rejects.append(Reject(utterance_id, OTHER_TEXT, f"{path}, row {vote.row}: the text has changed"))
    if rejects and len(rejects) == len(votes):
        first = min(votes.values(), key=lambda vote: vote.row)
        raise ConfigError(
            f"{path}: none of its {len(votes):,} votes is for an utterance of this project as its text is now "
            f"(row {first.row}: {rejects[0].reason}); export the texts again: undertone labels export-texts"
        )
    return rejects
