"""json3, srv1 to srv3, TTML and SubStation Alpha: cues, words with times, malformed times, hostile files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tasks.captions import caption_file, json3, limits, substation, xml_file
from tasks.captions.cue import Cue, UnusedCue
from tasks.captions.times import OpenCue, closed
from tasks.core.caption_formats import FORMATS
from tasks.core.errors import Rejected

ROLLING_EVENTS = [
    {"tStartMs": 0, "dDurationMs": 9_000, "id": 1},
    {
        "tStartMs": 400,
        "dDurationMs": 5_600,
        "segs": [{"utf8": "what"}, {"utf8": " a", "tOffsetMs": 240}, {"utf8": " day", "tOffsetMs": 840}],
    },
    {"tStartMs": 3_670, "dDurationMs": 2_330, "aAppend": 1, "segs": [{"utf8": "\n"}]},
    {"tStartMs": 3_680, "dDurationMs": 2_000, "segs": [{"utf8": "yeah"}]},
    {"tStartMs": 5_000, "dDurationMs": 1_000, "segs": [{"utf8": "yeah"}]},
]
ROLLING_SRV3 = """<?xml version="1.0" encoding="utf-8" ?><timedtext format="3"><head/><body><w t="0" id="1"/>
<p t="400" d="5600" w="1"><s ac="0">what</s><s t="240"> a</s><s t="840"> day</s></p>
<p t="3670" d="2330" w="1" a="1">
</p>
<p t="3680" d="2000" w="1"><s>yeah</s></p>
<p t="5000" d="1000" w="1"><s>yeah</s></p>
</body></timedtext>"""
WORDS = [("what", 400, 640), ("a", 640, 1_240), ("day", 1_240, 3_680), ("yeah", 3_680, 5_000), ("yeah", 5_000, 6_000)]


def json3_file(events: list[Any]) -> str:
    return json.dumps({"wireMagic": "pb3", "events": events})


def ttml(body: str, attributes: str = "", namespace: str = "http://www.w3.org/ns/ttml") -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><tt xmlns="{namespace}" '
        f'xmlns:ttp="http://www.w3.org/ns/ttml#parameter" xmlns:tts="http://www.w3.org/ns/ttml#styling" {attributes}>'
        f"<head><metadata><p>not spoken</p></metadata></head><body><div>{body}</div></body></tt>"
    )


def test_every_format_has_a_parser() -> None:
    assert set(caption_file.READERS) == set(FORMATS)
    assert FORMATS[:2] == ("vtt", "srt")


@pytest.mark.parametrize(("content", "caption_format"), [(json3_file(ROLLING_EVENTS), "json3"), (ROLLING_SRV3, "srv3")])
def test_words_of_automatic_captions_have_times(content: str, caption_format: str) -> None:
    captions = caption_file.read(content.encode(), caption_format, 60.0, 1.0, by_word=True)
    assert captions.timed
    assert captions.unused == ()
    assert [span.text for span in captions.spoken] == ["what a day", "yeah", "yeah"]
    assert [(word.text, word.start_ms, word.end_ms) for line in captions.lines for word in line.words] == WORDS


def test_json3_of_manual_captions() -> None:
    segments = [{"utf8": "Tom &amp; Ann\n"}, {"utf8": "say <i>yes</i>"}]
    cues, unused = json3.read(
        json3_file(
            [
                {"tStartMs": 1_000, "dDurationMs": 1_500, "segs": segments},
                {"tStartMs": 4_000, "segs": [{"utf8": "no length"}]},
                {"tStartMs": 6_000, "dDurationMs": 1_000, "segs": [{"utf8": "half a \ud83d pair"}]},
                {"tStartMs": "soon", "dDurationMs": 1_000, "segs": [{"utf8": "bad"}, None, {"utf8": 7}]},
                {"tStartMs": 1e300, "dDurationMs": 1_000, "segs": [{"utf8": "late"}]},
                {"segs": "none"},
                "no event",
            ]
        )
    )
    assert cues == [
        Cue(1, 1_000, 2_500, ("Tom &amp; Ann", "say <i>yes</i>")),
        Cue(2, 4_000, 6_000, ("no length",)),
        Cue(3, 6_000, 7_000, ("half a ? pair",)),
    ]
    assert [(cue.number, cue.reason, cue.detail) for cue in unused] == [
        (4, "malformed cue", "no usable time: bad"),
        (5, "malformed cue", "no usable time: late"),
    ]


@pytest.mark.parametrize(
    "content",
    ["", "WEBVTT", "[]", "{}", '{"events": {}}', "[" * 100_000, '{"events": [' + "9" * 5_000 + "]}", '{"events": [}'],
)
def test_json3_needs_a_list_of_events(content: str) -> None:
    with pytest.raises(Rejected) as caught:
        json3.read(content)
    assert caught.value.reason == "unreadable captions"
    assert caught.value.detail


def test_srv1_has_seconds_and_entities_that_were_escaped_twice() -> None:
    text = (
        '<transcript><text start="1.36" dur="1.68">Hey, I&amp;#39;m in</text>'
        '<text start="4">open</text><text start="x" dur="1">bad</text>'
        '<text start="5.5" dur="1">a\nb</text></transcript>'
    )
    cues, unused = xml_file.read(text)
    assert cues == [
        Cue(1, 1_360, 3_040, ("Hey, I&#39;m in",)),
        Cue(2, 4_000, 5_500, ("open",)),
        Cue(4, 5_500, 6_500, ("a", "b")),
    ]
    assert unused == [UnusedCue(3, "malformed cue", "no usable time: bad")]
    captions = caption_file.read(text.encode(), "srv1", 60.0, 1.0, by_word=False)
    assert captions.spoken[0].text == "Hey, I'm in"


def test_srv2_has_milliseconds() -> None:
    cues, _ = xml_file.read('<timedtext><window t="0" id="1"/><text t="80" d="900" w="1">hello</text></timedtext>')
    assert cues == [Cue(1, 80, 980, ("hello",))]


@pytest.mark.parametrize(
    ("times", "attributes", "expected"),
    [
        ('begin="00:00:01.5" end="00:00:02,250"', "", (1_500, 2_250)),
        ('begin="01:00:01" dur="2s"', "", (3_601_000, 3_603_000)),
        ('begin="00:00:01:05" end="00:00:02:00"', 'ttp:frameRate="25"', (1_200, 2_000)),
        ('begin="30f" end="60f"', 'ttp:frameRate="30" ttp:frameRateMultiplier="1000 1001"', (1_001, 2_002)),
        ('begin="10000000t" end="25000000t"', 'ttp:tickRate="10000000"', (1_000, 2_500)),
        ('begin="1.5s" end="2500ms"', "", (1_500, 2_500)),
        ('begin="0.5m" end="0.01h"', "", (30_000, 36_000)),
        ('begin="1.25" end="2"', "", (1_250, 2_000)),
    ],
)
def test_ttml_in_all_notations_of_time(times: str, attributes: str, expected: tuple[int, int]) -> None:
    cues, unused = xml_file.read(ttml(f"<p {times}>hello</p>", attributes))
    assert [(cue.start_ms, cue.end_ms, cue.lines) for cue in cues] == [(*expected, ("hello",))]
    assert unused == []


def test_ttml_text_markup_and_common_errors() -> None:
    cues, _ = xml_file.read(
        ttml(
            '<p begin="1s" end="2s">Tom &amp; Ann & <span tts:fontStyle="italic">hi,<br/>you</span>&nbsp;two\x0b'
            "\n there<metadata>not spoken</metadata></p>"
            '<p begin="3s" end="4s"><span tts:ruby="container"><span tts:ruby="base">kanji</span>'
            '<span tts:ruby="text">reading</span></span></p>',
            namespace="http://www.w3.org/2006/10/ttaf1",
        ).replace("UTF-8", "UTF-16")
    )
    assert [cue.lines for cue in cues] == [("Tom & Ann & hi,", "you two there"), ("kanji",)]


def test_ttml_times_are_relative_to_the_elements_around() -> None:
    cues, unused = xml_file.read(
        ttml(
            '<div begin="60s"><p begin="1s" end="2s">later</p></div><p begin="3s">until the next</p>'
            '<p begin="5s" end="6s">next</p><p begin="soon" end="9s">bad</p><p>none</p>'
        )
    )
    assert [(cue.start_ms, cue.end_ms, cue.lines[0]) for cue in cues] == [
        (61_000, 62_000, "later"),
        (3_000, 5_000, "until the next"),
        (5_000, 6_000, "next"),
    ]
    assert [(cue.number, cue.detail) for cue in unused] == [(4, "no usable time: bad"), (5, "no usable time: none")]


def test_ttml_with_times_of_words_or_of_parts() -> None:
    words = ttml('<p begin="1s" end="3s"><span begin="0s">so</span> <span begin="1s">good</span></p>')
    captions = caption_file.read(words.encode(), "ttml", 60.0, 1.0, by_word=True)
    assert [(word.text, word.start_ms) for word in captions.lines[0].words] == [("so", 1_000), ("good", 2_000)]
    cues, _ = xml_file.read(ttml('<p><span begin="1s" end="2s">one</span> <span begin="2s" end="3s">two</span></p>'))
    assert cues == [Cue(1, 1_000, 2_000, ("one",)), Cue(1, 2_000, 3_000, ("two",))]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "WEBVTT",
        "<html></html>",
        "<tt><body><p>",
        "<tt>" + "<div>" * 40 + "</div>" * 40 + "</tt>",
        '<!DOCTYPE tt [<!ENTITY a "b">]><tt><body><p begin="1s" end="2s">&a;</p></body></tt>',
        '<!DOCTYPE tt SYSTEM "file:///etc/passwd"><tt/>',
        "<tt><body><p begin='1s' end='2s'>hel\0lo</p></body></tt>",
    ],
)
def test_xml_that_cannot_be_read_is_rejected(content: str) -> None:
    with pytest.raises(Rejected) as caught:
        xml_file.read(content)
    assert caught.value.reason == "unreadable captions"
    assert caught.value.detail


ASS = r"""[Script Info]
Title: x

[V4+ Styles]
Format: Name, Fontname
Style: Default,Arial,bad,values

[Events]
Format: Start, End, Style, Text
Comment: 0:00:00.00,0:00:01.00,Default,not spoken
Dialogue: 0:00:01.00,0:00:02.50,Default,{\i1}It is{\i0}\hterrible, how\Nloud {\an8\pos(1,2)}they are
Dialogue: soon,0:00:03.00,Default,bad
Dialogue: 0:00:03.00,0:00:04.00,Default,{\p1}m 0 0 l 100 100{\p0}
Dialogue: 0:00:05.00,0:00:06.00,Default,{unclosed
Dialogue: 0:00:07.00
Dialogue: -0:00:07.00,0:00:08.00,Default,too early
"""


def test_substation_events() -> None:
    cues, unused = substation.read(ASS)
    assert cues == [
        Cue(1, 1_000, 2_500, ("It is terrible, how", "loud they are")),
        Cue(4, 5_000, 6_000, ("{unclosed",)),
    ]
    assert [(cue.number, cue.reason) for cue in unused] == [(n, "malformed cue") for n in (2, 5, 6)]
    assert unused[0].detail == "Dialogue: soon,0:00:03.00,Default,bad"


def test_substation_needs_its_events() -> None:
    with pytest.raises(Rejected, match="unreadable captions"):
        substation.read("[Script Info]\nDialogue: 0,0:00:01.00,0:00:02.50,,,0,0,0,,hello")


@pytest.mark.parametrize("text", ["{" * 200_000, r"{\b1}a" * 40_000, r"{\p1" * 50_000 + "}", r"a\N" * 60_000])
@pytest.mark.timeout(20)
def test_long_substation_lines_take_linear_time(text: str) -> None:
    cues, _ = substation.read(f"[Events]\nDialogue: 0,0:00:01.00,0:00:02.50,,,0,0,0,,{text}")
    assert len(cues) <= 1


def test_a_cue_without_an_end_lasts_until_the_next() -> None:
    cues, unused = closed(
        [OpenCue(1, 1_000, None, ("a",)), OpenCue(2, 1_000, 9_000, ("b",)), OpenCue(3, 4_000, None, ())]
    )
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == [(1_000, 4_000), (1_000, 9_000)]
    assert [cue.number for cue in unused] == [3]


def test_files_over_the_size_limit_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_BYTES", 10)
    with pytest.raises(Rejected, match="11 bytes, allowed are 10"):
        caption_file.read(b"WEBVTT\n\n\n\n\n", "vtt", 60.0, 1.0, by_word=False)


@pytest.mark.parametrize(
    ("content", "caption_format", "what"),
    [
        ("WEBVTT" + "\n" * 300_001, "vtt", "lines"),
        ("<transcript>" + "<text start='1' dur='1'/>" * 100_001 + "</transcript>", "srv1", "cues"),
        ("1\n00:00:01,000 --> 00:00:02,000\n" + "a " * 1_000_001, "srt", "words"),
    ],
)
def test_files_that_are_no_captions_are_rejected_early(content: str, caption_format: str, what: str) -> None:
    with pytest.raises(Rejected, match=rf"\d+ {what}, allowed are \d+"):
        caption_file.read(content.encode(), caption_format, 60.0, 1.0, by_word=True)
