"""Simulated conversations: turns, times and voices."""

from __future__ import annotations

import numpy as np

from tasks.simulate import conversations
from tasks.simulate.voices import RATE_HZ, TIMBRES


def test_turns() -> None:
    people = conversations.people((1, 1), 3)
    spoken = conversations.converse((1, 1), people)
    assert {line.voice for line in spoken.lines} == {0, 1, 2}
    turns = [line.voice for line in spoken.lines if line.opens_turn]
    assert turns[::2] == [0] * len(turns[::2]), "the host asks every second turn"
    assert 0 not in turns[1::2]
    ends_s = [0.0, *(line.end_s for line in spoken.lines)]
    assert all(line.start_s > end_s for line, end_s in zip(spoken.lines, ends_s, strict=False))
    inside = np.zeros(spoken.samples.size, dtype=bool)
    for line in spoken.lines:
        inside[round(line.start_s * RATE_HZ) : round(line.end_s * RATE_HZ)] = True
    assert spoken.samples[inside].std() > 20 * spoken.samples[~inside].std()


def test_a_seed_decides_everything() -> None:
    people = conversations.people((1, 2), 2)
    assert people == conversations.people((1, 2), 2)
    first, second = (conversations.converse((1, 2), people) for _ in range(2))
    assert first.lines == second.lines
    assert np.array_equal(first.samples, second.samples)
    assert conversations.converse((1, 3), people).lines != first.lines


def test_a_single_person_tells() -> None:
    spoken = conversations.converse((1, 4), conversations.people((1, 4), 1))
    assert {line.voice for line in spoken.lines} == {0}


def test_parts_of_the_timbres() -> None:
    first, second = (conversations.timbres(part, 2) for part in range(2))
    assert sorted([*first, *second]) == sorted(TIMBRES)
    assert ("steph" in first) == ("steph2" in first), "near copies are in the same part"
    voices = {person.voice.split("+")[1] for person in conversations.people((1, 5), 20)}
    assert len(voices) == 20
    assert len(voices & {"steph", "steph2"}) <= 1
