"""Dialogues as documents that their utterances share."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.models.base.dialogue_documents import Place, pieces, shared, unmarked

OPENING, SEPARATOR = 1, 2


def dialogue(*utterances: list[int]) -> np.ndarray:
    parts = [number for utterance in utterances for number in [*utterance, SEPARATOR]]
    return np.array([OPENING, *parts], dtype=np.int64)


@pytest.mark.parametrize(
    ("text", "dialogue_text", "number"),
    [
        ("[UTTERANCE] Hi. [SEP] No.", "Hi. [SEP] No.", 0),
        ("Hi. [SEP] [UTTERANCE] No.", "Hi. [SEP] No.", 1),
        ("Hi. [SEP] No.", "Hi. [SEP] No.", 1),
        ("Hi.", "Hi.", 0),
        # an empty utterance keeps its place
        ("Hi. [SEP] [UTTERANCE]  [SEP] Oh.", "Hi. [SEP]  [SEP] Oh.", 1),
    ],
)
def test_the_mark_gives_the_number_of_the_utterance(text: str, dialogue_text: str, number: int) -> None:
    assert unmarked(text, "[SEP]") == (dialogue_text, number)


def test_rows_of_a_dialogue_share_its_document() -> None:
    first, second = dialogue([5, 6], [7]), dialogue([8])
    documents = shared([first, second, first], [1, 0, 0], OPENING, SEPARATOR, 20)
    assert [tokens.tolist() for tokens in documents.tokens] == [first.tolist(), second.tolist()]
    assert documents.places == [Place(0, 4, 5), Place(1, 1, 2), Place(0, 1, 3)]
    assert documents.of_row.tolist() == [0, 1, 0]


def test_long_dialogues_are_cut_between_utterances_into_pieces_of_similar_length() -> None:
    tokens = dialogue(*([10 + k] * 3 for k in range(5)))
    cut = pieces(tokens, OPENING, SEPARATOR, 14)
    assert [piece.tolist() for piece, _ in cut] == [
        dialogue([10] * 3, [11] * 3, [12] * 3).tolist(),
        dialogue([13] * 3, [14] * 3).tolist(),
    ]
    assert cut[1][1] == [(1, 4), (5, 8)]
    places = shared([tokens] * 5, range(5), OPENING, SEPARATOR, 14).places
    assert [place.document for place in places] == [0, 0, 0, 1, 1]


def test_no_document_is_longer_than_the_encoder_reads() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        utterances = [list(rng.integers(5, 90, size=rng.integers(0, 12))) for _ in range(rng.integers(1, 9))]
        cut = pieces(dialogue(*utterances), OPENING, SEPARATOR, 8)
        assert max(piece.size for piece, _ in cut) <= 8
        taken = [piece[start:end].tolist() for piece, spans in cut for start, end in spans]
        # an utterance that is too long loses its beginning; an empty one is represented by its separator
        assert taken == [utterance[-6:] or [SEPARATOR] for utterance in utterances]


def test_without_an_opening_token() -> None:
    ((piece, spans),) = pieces(np.array([5, 6, SEPARATOR, 7]), None, SEPARATOR, 9)
    assert piece.tolist() == [5, 6, SEPARATOR, 7, SEPARATOR]
    assert spans == [(0, 2), (3, 4)]
