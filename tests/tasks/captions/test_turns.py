"""Words of captions that do not roll: the displayed text in order, and the marks of speakers."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from tasks.captions import clean, turns
from tasks.captions.cue import CaptionWord, Cue


def words_and_turns(*cues: str) -> list[tuple[str, bool]]:
    lines = turns.words([Cue(n, n * 1_000, n * 1_000 + 900, tuple(text.split("|"))) for n, text in enumerate(cues)])
    return [(word.text, word.opens_turn) for line in lines for word in line.words]


def test_a_dash_chevrons_and_another_voice_open_a_turn() -> None:
    assert words_and_turns("-Yes.|I do.", "- No -5") == [
        ("Yes.", True),
        ("I", False),
        ("do.", False),
        ("No", True),
        ("-5", False),
    ]
    assert words_and_turns("So? &gt;&gt; No.", ">>JIM: hi") == [
        ("So?", False),
        ("No.", True),
        ("JIM:", True),
        ("hi", False),
    ]
    assert words_and_turns("<v Ann>A", "<v Ann>B <v Bob>C</v>", "D") == [
        ("A", True),
        ("B", False),
        ("C", True),
        ("D", False),
    ]


def test_words_share_their_cue_by_their_letters() -> None:
    (line,) = turns.words([Cue(3, 1_000, 2_000, ("a bcd", "<i>ef</i>"))])
    assert line.number == 3
    assert line.words == (
        CaptionWord("a", 1_000, 1_222),
        CaptionWord("bcd", 1_222, 1_667),
        CaptionWord("ef", 1_667, 2_000),
    )


@example([">>-"])
@example(["–>>1b", "–-1> "])
@given(st.lists(st.text("ab1->[]()♪ .\u2013", max_size=12), min_size=1, max_size=3))
def test_the_words_of_a_cue_are_those_of_its_text(lines: list[str]) -> None:
    (line,) = turns.words([Cue(1, 0, 1_000, tuple(lines))])
    assert [word.text for word in line.words] == clean.spoken_text(lines).split()
    assert all(before.end_ms == after.start_ms for before, after in pairwise(line.words))
