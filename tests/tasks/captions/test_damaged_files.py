"""Damaged caption files: cues or files are rejected with a reason; no library error escapes."""

from __future__ import annotations

import random

import pytest

from tasks.captions import caption_file
from tasks.captions.caption_file import ParsedCaptions
from tasks.captions.cue import UnusedCue
from tasks.core.errors import Rejected

VTT = "WEBVTT\n\n00:01.000 --> 00:02.000\nhel\0lo\n\n00:03.000 --> 00:04.000\nfine words\n"
SRT = "1\n00:00:01,000 --> {end}\nhello\n\n2\n00:00:03,000 --> 00:00:04,000\nfine words\n"
TOKENS = (
    *("-->", " --> ", "\0", "\ufeff", "\r", "\n\n", "<", ">", "<c>", "<00:00:01.500>", "&#0;", "&#x110000;", "{\\an8}"),
    *(
        "[",
        ")",
        "²",
        "٣",
        "9" * 5000,
        ":",
        ",",
        "\t",
        "\x0b",
        "\u2028",
        "NOTE",
        "STYLE",
        "WEBVTT",
        "X1:1",
        "\U0001f600",
    ),
)


def parsed(content: bytes, caption_format: str) -> ParsedCaptions:
    return caption_file.read(content, caption_format, 60.0, 1.0, by_word=True)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_cue_with_a_nul_is_rejected(encoding: str) -> None:
    captions = parsed(VTT.encode(encoding), "vtt")
    assert captions.unused == (UnusedCue(1, "NUL in the text", r"hel\0lo"),)
    assert [span.text for span in captions.spoken] == ["fine words"]


@pytest.mark.parametrize(
    "end",
    [
        "00:00:02,000 --> ",
        "00:00:02,000:1",
        "00:00:02,000\t:1",
        "00:00:02,000.5",
        "00:00:02:000",
        "0²:00:02,000",
        "9" * 5000 + ":00:02,000",
        "00:00:02,000" + "9" * 5000,
        "00:00:0\0002,000",
    ],
)
def test_a_cue_with_an_odd_time_line_is_rejected(end: str) -> None:
    captions = parsed(SRT.format(end=end).encode(), "srt")
    assert [(cue.number, cue.reason) for cue in captions.unused] == [(1, "malformed cue")]
    assert captions.unused[0].detail.startswith("00:00:01,000 --> ")
    assert [span.text for span in captions.spoken] == ["fine words"]


def test_a_time_of_a_word_with_thousands_of_digits_is_no_time() -> None:
    content = f"WEBVTT\n\n00:01.000 --> 00:02.000\nso <{'9' * 5000}:00:01.500><c>good</c>\n"
    assert [span.number for span in parsed(content.encode(), "vtt").spoken] == [1]


@pytest.mark.parametrize("entity", ["&#", "&amp;#"])
def test_a_character_with_thousands_of_digits_is_no_character(entity: str) -> None:
    content = f"WEBVTT\n\n00:01.000 --> 00:02.000\nso {entity}{'9' * 5000}; good\n"
    assert [span.number for span in parsed(content.encode(), "vtt").spoken] == [1]


@pytest.mark.parametrize("content", [b"\0" * 100, b"\xff\xfe" + b"\0" * 101, b"\xef\xbb\xbf\0", b"\0\xff" * 64])
@pytest.mark.parametrize("caption_format", ["vtt", "srt"])
def test_a_file_without_cues_is_rejected(content: bytes, caption_format: str) -> None:
    with pytest.raises(Rejected) as caught:
        parsed(content, caption_format)
    assert caught.value.reason == "unreadable captions"
    assert caught.value.detail


@pytest.mark.parametrize("caption_format", ["vtt", "srt"])
def test_mutated_files_raise_nothing_but_rejections(caption_format: str) -> None:
    rng = random.Random(caption_format)
    cues = (
        f"{n}\n00:00:{n:02}{',' if caption_format == 'srt' else '.'}000 --> 00:00:{n + 1:02}.000\n- a [b] {n}\nc {n}\n"
        for n in range(1, 9)
    )
    whole = ("WEBVTT\n\n" if caption_format == "vtt" else "") + "\n".join(cues)
    for _ in range(300):
        text = whole
        for _ in range(rng.randint(1, 6)):
            place = rng.randrange(len(text) + 1)
            text = text[:place] + rng.choice((*TOKENS, "")) + text[place + rng.choice((0, 0, 1, 3)) :]
        try:
            captions = parsed(text.encode(rng.choice(("utf-8", "utf-8", "utf-16", "utf-16-le"))), caption_format)
        except Rejected as error:
            assert error.reason and error.detail
        else:
            assert all(cue.reason for cue in captions.unused)
            assert all(span.text.encode() and "\0" not in span.text for span in captions.spoken)
