"""WebVTT and SubRip: parsed cues, and malformed time lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.captions import srt, vtt
from tasks.captions.cue import Cue, UnusedCue
from tasks.core.errors import Rejected

VTT = """WEBVTT - a title
Kind: captions

STYLE
::cue(c.loud) { color: red; }

NOTE nobody reads this

intro
00:01.000 --> 00:02.500 align:start position:0%
Hello
there

01:00:00.000 --> 01:00:01.000
<i>An hour</i> later
"""


def test_vtt_skips_blocks_that_are_not_cues() -> None:
    cues, lost = vtt.read(VTT)
    assert cues == [
        Cue(1, 1_000, 2_500, ("Hello", "there")),
        Cue(2, 3_600_000, 3_601_000, ("<i>An hour</i> later",)),
    ]
    assert lost == []


def test_vtt_accepts_decimal_commas() -> None:
    cues, _ = vtt.read("WEBVTT\n\n00:00:01,000 --> 00:00:02,000\nOne, two,300\n")
    assert cues == [Cue(1, 1_000, 2_000, ("One, two,300",))]


def test_vtt_reports_bad_time_lines_and_continues() -> None:
    cues, lost = vtt.read(
        "WEBVTT\n\n00:00:01.000 --> soon\nlost\n\n00:00:03.000 --> 00:00:04.000\nkept\n\n00:00:05.000 -->"
    )
    assert cues == [Cue(2, 3_000, 4_000, ("kept",))]
    assert lost == [
        UnusedCue(1, "malformed cue", "00:00:01.000 --> soon: lost"),
        UnusedCue(3, "malformed cue", "00:00:05.000 -->"),
    ]


@pytest.mark.parametrize("text", ["", "<html>not found</html>", "1\n00:00:01,000\nhi\n"])
def test_vtt_needs_its_first_line_or_a_time_line(text: str) -> None:
    with pytest.raises(Rejected, match="unreadable captions"):
        vtt.read(text)


@given(
    st.lists(
        st.sampled_from(
            [
                "00:01.000 --> 00:02.000",
                "00:61.000 --> 00:62.000",
                "a --> b",
                "NOTE",
                "STYLE",
                "REGION",
                "x",
                "",
                " ",
                "7",
            ]
        ),
        max_size=12,
    )
)
def test_vtt_accounts_for_every_time_line(lines: list[str]) -> None:
    cues, unused = vtt.read("\n".join(["WEBVTT", "", *lines]))
    lost = [cue for cue in unused if cue.reason != "no time line"]
    assert [cue.number for cue in sorted([*cues, *lost], key=lambda cue: cue.number)] == [
        number + 1 for number in range(sum("-->" in line for line in lines))
    ]
    assert all((cue.start_ms, cue.end_ms) == (1_000, 2_000) for cue in cues)


def test_srt_with_windows_line_ends_and_a_place() -> None:
    cues, lost = srt.read(
        "1\r\n00:00:01,000 --> 00:00:02,500  X1:1\r\nHello\r\nthere\r\n\r\n"
        "2\r\n00:01:00,000 --> 00:01:01,000\r\nBye\r\n"
    )
    assert cues == [Cue(1, 1_000, 2_500, ("Hello", "there")), Cue(2, 60_000, 61_000, ("Bye",))]
    assert lost == []


def test_srt_with_blank_lines_in_odd_places() -> None:
    cues, _ = srt.read("1\n00:00:01,000 --> 00:00:02,000\nfirst\n\nsecond\n2\n00:00:03,000 --> 00:00:04,000\nthird\n")
    assert [cue.lines for cue in cues] == [("first", "second"), ("third",)]


def test_srt_without_numbers_keeps_a_spoken_one() -> None:
    cues, _ = srt.read("00:00:01,000 --> 00:00:02,000\n42\n\n00:00:03,000 --> 00:00:04,000\nyes\n")
    assert [cue.lines for cue in cues] == [("42",), ("yes",)]


def test_srt_reports_bad_time_lines_and_continues() -> None:
    cues, lost = srt.read("1\n --> 00:00:02,000\nlost\n\n2\n00:00:03,000 --> 00:00:04,000\nkept\n")
    assert [cue.number for cue in cues] == [2]
    assert lost == [UnusedCue(1, "malformed cue", " --> 00:00:02,000: lost")]


@pytest.mark.parametrize("text", ["", "no captions here\n"])
def test_srt_needs_a_time_line(text: str) -> None:
    with pytest.raises(Rejected, match="unreadable captions"):
        srt.read(text)
