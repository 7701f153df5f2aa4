"""Voices of several recordings as persons, and embeddings as text."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.media.voices import links, voice_codes


def voices(persons: list[int], spread: float = 0.02) -> np.ndarray:
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(max(persons) + 1, 256))
    rows = centres[persons] + spread * rng.normal(size=(len(persons), 256))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_persons_are_numbered_by_their_first_voice() -> None:
    persons = [2, 0, 1, 0, 2, 1]
    assert links.persons(voices(persons), list("aabbcc")).tolist() == [0, 1, 2, 1, 0, 2]


def test_voices_of_a_recording_are_never_linked() -> None:
    linked = links.persons(voices([0, 0, 0, 0]), ["a", "a", "b", "c"])
    assert linked[0] != linked[1]
    assert len(set(linked[[0, 1]]) | set(linked[2:])) == 2


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_voices(n: int) -> None:
    assert links.persons(voices([0])[:n], ["a"][:n]).tolist() == [0] * n


def test_embeddings_as_text() -> None:
    embeddings = voices([0, 1, 2])
    codes = [voice_codes.encode(embedding.astype(np.float64)) for embedding in embeddings]
    assert (voice_codes.decode(codes) * embeddings).sum(axis=1) == pytest.approx(1, abs=1e-3)
    assert voice_codes.decode([]).shape == (0, 0)
