"""Rolling captions: every word once, with its own time."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.captions import clean, rolling
from tasks.captions.cue import CaptionLine, CaptionWord, Cue
from tasks.captions.overlaps import join_simultaneous_lines
from tasks.captions.rolling import is_rolling, unroll


def cues(*shown: tuple[int, int, str]) -> list[Cue]:
    return [Cue(number, start, end, tuple(text.split("|"))) for number, (start, end, text) in enumerate(shown, 1)]


ROLLING = cues(
    (0, 2_000, " |why<00:00:00.500><c> do</c><c.colorE5E5E5><00:00:01.000><c> you</c></c>"),
    (2_000, 2_010, "why do<c.colorE5E5E5> you|</c> "),
    (2_010, 3_000, "why do<c.colorE5E5E5> you|care</c>"),
    (3_000, 3_010, "care| "),
    (3_010, 5_000, "care|no<00:00:04.000><c> no</c>"),
)


def unrolled_text(captions: list[Cue]) -> list[str]:
    return [" ".join(word.text for word in line.words) for line in unroll(captions, by_word=True)]


def test_every_word_once_with_its_own_time() -> None:
    lines = unroll(ROLLING, by_word=True)
    assert [line.words for line in lines] == [
        (CaptionWord("why", 0, 500), CaptionWord("do", 500, 1_000), CaptionWord("you", 1_000, 2_000)),
        (CaptionWord("care", 2_010, 3_000),),
        (CaptionWord("no", 3_010, 4_000), CaptionWord("no", 4_000, 5_000)),
    ]
    assert [line.number for line in lines] == [1, 3, 5]


def test_a_line_spoken_twice_occurs_twice() -> None:
    captions = cues(
        (0, 1_000, "no<00:00:00.500><c> way</c>"),
        (1_000, 1_010, "no way"),
        (1_010, 2_000, "no way|no<00:00:01.500><c> way</c>"),
        (2_000, 2_010, "no way"),
        (2_010, 3_000, "no way|no way"),
    )
    assert unrolled_text(captions) == ["no way"] * 3


def test_times_inside_words_do_not_split_them() -> None:
    pieces = ("&gt;&gt;", " J", "im", "my: ", "WE", "'RE")
    text = "".join(f"<00:00:01.{number}00><c>{piece}</c>" if number else piece for number, piece in enumerate(pieces))
    assert unroll(cues((1_000, 3_000, text)), by_word=True)[0].words == (
        CaptionWord("Jimmy:", 1_100, 1_400, opens_turn=True),
        CaptionWord("WE'RE", 1_400, 3_000),
    )


def test_words_that_share_a_time_share_its_span() -> None:
    captions = cues((0, 1_000, "ab cd<00:00:00.500> ef"))
    assert unroll(captions, by_word=True)[0].words == (
        CaptionWord("ab", 0, 300),
        CaptionWord("cd", 300, 500),
        CaptionWord("ef", 500, 1_000),
    )


def test_times_that_go_back_or_leave_the_cue_are_ignored() -> None:
    captions = cues((1_000, 2_000, "a<00:00:01.800> b<00:00:00.100> c<00:00:09.000> d"))
    spans = [(word.start_ms, word.end_ms) for word in unroll(captions, by_word=True)[0].words]
    assert all(1_000 <= start <= end <= 2_000 for start, end in spans)
    assert all(first[1] == second[0] for first, second in pairwise(spans))


def test_lines_that_repeat_without_word_times_roll_too() -> None:
    captions = cues(
        (0, 1_000, "one"), (1_000, 2_000, "one|two"), (2_000, 3_000, "two|three"), (3_000, 4_000, "three|four")
    )
    assert is_rolling(captions)
    assert unrolled_text(captions) == ["one", "two", "three", "four"]


def test_a_window_of_three_lines() -> None:
    captions = cues((0, 1_000, "<00:00:00.100>a|b|c"), (1_000, 2_000, "b|c|d"), (2_000, 3_000, "c|d|e"))
    assert unrolled_text(captions) == ["a b c", "d", "e"]


@pytest.mark.parametrize(
    "captions",
    [
        cues((0, 1_000, "Yeah."), (1_000, 2_000, "Yeah."), (2_000, 3_000, "So?")),
        cues(
            *((second * 1_000, second * 1_000 + 1_000, text) for second, text in enumerate(["So."] * 2 + ["No."] * 3))
        ),
        cues(*((second, second + 500, "Hm.") for second in range(0, 9_000, 1_000))),
        [],
    ],
)
def test_captions_by_hand_do_not_roll(captions: list[Cue]) -> None:
    assert not is_rolling(captions)


def test_malformed_word_times_are_ignored() -> None:
    assert unrolled_text(cues((0, 1_000, "a<00:00:00.500> b <00:77> <00:00> c"))) == ["a b c"]


WORDS = st.sampled_from(
    ["so", "I", "it's", "-", "--", "-5", "[Music]", "no.", "é", "‘tis", "&gt;&gt;", ">>", "a b", ""]
)


@given(st.lists(st.tuples(st.sampled_from(["", " ", "  "]), WORDS, st.integers(0, 4_000)), max_size=8), st.booleans())
def test_plain_lines_are_read_as_all_others(pieces: list[tuple[str, str, int]], in_tags: bool) -> None:
    tagged = (f"<00:00:0{ms // 1000}.{ms % 1000:03}>" + (f"<c>{space}{word}</c>" if in_tags else space + word)
              for space, word, ms in pieces)  # fmt: skip
    text, cue = "why" + "".join(tagged), Cue(1, 0, 4_000, ())
    plain = rolling._in_order(text, cue)
    assert plain is None or plain == list(rolling._timed_words(text, cue))


@given(
    st.lists(
        st.tuples(
            WORDS, st.lists(st.tuples(WORDS, st.integers(0, 2_000)), max_size=5), st.integers(0, 3_000), st.booleans()
        ),
        max_size=5,
    )
)
def test_lines_as_one_word_have_the_text_and_times_of_their_words(
    rows: list[tuple[str, list[tuple[str, int]], int, bool]],
) -> None:
    captions, before = [], " "
    for number, (first, words, start_ms, has_voice) in enumerate(rows, 1):
        tagged = (f"<00:00:0{ms // 1000}.{ms % 1000:03}><c> {word}</c>" for word, ms in words)
        line = ("<v Ann>" if has_voice else "") + first + "".join(tagged)
        captions.append(Cue(number, start_ms, start_ms + 1_000, (before, line)))
        before = clean.displayed(line) or " "
    of_words, of_lines = (unroll(captions, by_word=by_word) for by_word in (True, False))
    assert _summary(of_words) == _summary(of_lines)
    together = [join_simultaneous_lines(sorted(lines, key=_start_ms)) for lines in (of_words, of_lines)]
    assert _summary(together[0]) == _summary(together[1])


def _start_ms(line: CaptionLine) -> int:
    return line.words[0].start_ms


def _summary(lines: list[CaptionLine]) -> list[tuple[int, str, int, int]]:
    return [
        (line.number, " ".join(word.text for word in line.words), line.words[0].start_ms, line.words[-1].end_ms)
        for line in lines
    ]


def test_the_usual_line_is_plain() -> None:
    cue = Cue(1, 0, 4_000, ())
    words = rolling._in_order("why<00:00:01.140><c> do</c><00:00:02.000><c> [you]</c>", cue)
    assert words == [("why", 0), ("do", 1_140), ("[you]", 2_000)]
