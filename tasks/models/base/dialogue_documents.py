"""Dialogues as token documents that all utterances in them share: an encoder reads each document once.

A text with later utterances (setting `after` of the extractor `text`) is the dialogue of its row, with the row's own
utterance marked. Rows of one dialogue have the same dialogue, so a batch of whole dialogues costs an encoder a fraction
of a batch of windows: in MELD, whose dialogues have ten utterances, a tenth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.features.base.sequences import Rows
from tasks.features.text.transcript import MARK

Tokens = NDArray[np.int64]


@dataclass(frozen=True)
class Place:
    """Location of an utterance: its document, its first token, and the token after its last."""

    document: int
    start: int
    end: int


@dataclass(frozen=True)
class DialogueDocuments:
    """Distinct documents, and the place of each row's utterance in them."""

    tokens: list[Tokens]
    places: list[Place]

    @property
    def of_row(self) -> Rows:
        """The document of each row, shape (n_rows,)."""
        return np.array([place.document for place in self.places], dtype=np.int64)


def unmarked(text: str, separator: str) -> tuple[str, int]:
    """Return a dialogue without its mark, and the number of the marked utterance; without a mark, of the last.

    Args:
        text: utterances, joined by the separator
        separator: between utterances

    Example:
        >>> unmarked("Hi. [SEP] [UTTERANCE] No. [SEP] Oh.", "[SEP]")
        ('Hi. [SEP] No. [SEP] Oh.', 1)
    """
    before, mark, rest = text.partition(f"{MARK} ")
    return before + rest, (before if mark else text).count(separator)


def shared(
    dialogues: Sequence[Tokens], numbers: Sequence[int], opening: int | None, separator: int, most: int
) -> DialogueDocuments:
    """Return the distinct dialogues of some rows, cut to an encoder's length.

    Args:
        dialogues: tokens of each row's dialogue
        numbers: of the row's utterance in its dialogue
        opening: id of the special token before the first utterance, if there is one
        separator: id of the token between utterances
        most: tokens of a document, 3 or more
    """
    utterances: dict[bytes, list[Place]] = {}
    documents: list[Tokens] = []
    places = []
    for tokens, number in zip(dialogues, numbers, strict=True):
        key = tokens.tobytes()
        if key not in utterances:
            utterances[key] = []
            for document, spans in pieces(tokens, opening, separator, most):
                utterances[key] += [Place(len(documents), start, end) for start, end in spans]
                documents.append(document)
        places.append(utterances[key][min(number, len(utterances[key]) - 1)])
    return DialogueDocuments(documents, places)


def pieces(
    tokens: Tokens, opening: int | None, separator: int, most: int
) -> list[tuple[Tokens, list[tuple[int, int]]]]:
    """Cut a dialogue between utterances into the fewest documents of similar length.

    The cuts depend on the dialogue alone, so that all of its utterances share them. An utterance that is too long for a
    document loses its beginning.

    Args:
        tokens: of the dialogue, shape (n_tokens,)
        opening: id of the special token before the first utterance, if there is one
        separator: id of the token between utterances
        most: tokens of a document

    Returns:
        per document: its tokens, each utterance followed by a separator, and (start, end) of its utterances
    """
    n_opening = int(tokens[:1].tolist() == [opening])
    first, body = tokens[:n_opening], tokens[n_opening:]
    if body.size and body[-1] == separator:
        body = body[:-1]
    utterances = [part[-(most - 2) :] for part in _split(body, separator)]
    total = sum(len(utterance) + 1 for utterance in utterances)
    share = total / -(-total // (most - 1))
    groups: list[list[Tokens]] = [[]]
    size = 0
    for utterance in utterances:
        if groups[-1] and (size >= share or size + len(utterance) + 1 > most - 1):
            groups.append([])
            size = 0
        groups[-1].append(utterance)
        size += len(utterance) + 1
    return [_joined(first, group, separator) for group in groups]


def _split(body: Tokens, separator: int) -> list[Tokens]:
    ends = np.flatnonzero(body == separator)
    return [part if not k else part[1:] for k, part in enumerate(np.split(body, ends))]


def _joined(first: Tokens, utterances: Sequence[Tokens], separator: int) -> tuple[Tokens, list[tuple[int, int]]]:
    parts, spans, size = [first], [], first.size
    for utterance in utterances:
        # an empty utterance is represented by its separator
        spans.append((size, size + max(1, utterance.size)))
        parts += [utterance, np.array([separator], dtype=np.int64)]
        size += utterance.size + 1
    return np.concatenate(parts), spans
