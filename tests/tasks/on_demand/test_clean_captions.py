"""Cleaned caption files: formats, escapes, round trips, unknown duration, the sound."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tasks.captions.cue import SpokenSpan
from tasks.core import config
from tasks.core.errors import InputError
from tasks.on_demand import clean_captions
from tasks.on_demand.clean_captions import WRITERS, clean, write

ROOT = Path(__file__).resolve().parents[3]
VTT = (
    b"WEBVTT\n\n00:00:00.123 --> 00:00:01.457\nTom &amp; Ann, x &lt; y, isn't it?\n\n"
    b'00:00:02.000 --> 00:00:03.001\n- She said "yes", <i>twice</i>.\n\n'
    b"00:00:03.001 --> 00:00:04.002\n[Applause]\n\n00:00:04.002 --> 00:00:05.003\nand so on"
)


def spans(content: bytes, name: str) -> list[tuple[int, int, str]]:
    return [(span.start_ms, span.end_ms, span.text) for span in clean(content, name).spoken]


def test_the_rules_are_those_of_the_shipped_parameters() -> None:
    shipped = config.load(ROOT / "params.yaml").captions
    assert asdict(clean_captions.CleaningRules()) == shipped.model_dump()


def test_without_a_sound_nothing_is_cut_at_the_end() -> None:
    cleaned = clean(VTT, "talk.vtt")
    assert [(span.end_ms, span.text) for span in cleaned.spoken][-1] == (5_003, "and so on")
    assert [(cue.number, cue.reason) for cue in cleaned.unused] == [(3, "only a tag")]


def test_the_last_cue_of_the_file_need_not_be_the_latest() -> None:
    content = b"WEBVTT\n\n01:00:00.000 --> 01:00:01.000\nlate\n\n00:01.000 --> 00:02.000\nearly"
    assert [text for _, _, text in spans(content, "a.vtt")] == ["early", "late"]


@pytest.mark.parametrize("caption_format", ["srt", "vtt"])
def test_results_read_again_are_the_same(caption_format: str) -> None:
    once = clean(VTT, "talk.vtt").spoken
    again = clean(write(once, caption_format).encode(), f"again.{caption_format}")
    assert [span._replace(number=0) for span in again.spoken] == [span._replace(number=0) for span in once]
    assert again.unused == ()
    sentences = clean(VTT, "talk.vtt", by_sentence=True).spoken
    again = clean(write(sentences, caption_format).encode(), f"again.{caption_format}")
    assert [(s.start_ms, s.end_ms, s.text) for s in again.spoken] == [(s.start_ms, s.end_ms, s.text) for s in sentences]


def test_text_is_escaped_as_the_format_demands() -> None:
    cues = [SpokenSpan(1, 1_000, 3_661_002, 'a & b < c --> "d"')]
    assert write(cues, "srt") == '1\n00:00:01,000 --> 01:01:01,002\na & b &lt; c -> "d"\n', "else it is markup"
    assert write([SpokenSpan(1, 0, 1_000, "a & b < c")], "srt").endswith("\na & b < c\n")
    assert write(cues, "vtt") == 'WEBVTT\n\n00:00:01.000 --> 01:01:01.002\na &amp; b &lt; c --&gt; "d"\n'
    assert write(cues, "txt") == 'a & b < c --> "d"\n'
    assert list(csv.reader(io.StringIO(write(cues, "csv")))) == [
        ["start_s", "end_s", "text"],
        ["1.000", "3661.002", 'a & b < c --> "d"'],
    ]
    assert json.loads(write(cues, "json")) == [{"start_s": 1.0, "end_s": 3661.002, "text": 'a & b < c --> "d"'}]


def test_escaped_markup_is_text_in_a_result_that_is_read_again() -> None:
    content = b"WEBVTT\n\n00:01.000 --> 00:02.000\nthe tag &lt;i&gt; is & stays\n"
    text = "the tag <i> is & stays"
    assert spans(content, "a.vtt") == [(1_000, 2_000, text)]
    for caption_format in ("srt", "vtt"):
        again = spans(write(clean(content, "a.vtt").spoken, caption_format).encode(), f"b.{caption_format}")
        assert again == [(1_000, 2_000, text)]


def test_results_without_utterances_are_valid_files() -> None:
    assert {name: write([], name) for name in WRITERS} == {
        "srt": "",
        "vtt": "WEBVTT\n",
        "txt": "",
        "csv": "start_s,end_s,text\n",
        "json": "[]\n",
    }


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfWEBVTT\n\n00:01.000 --> 00:02.000\nhello\n",
        b"\n1\n00:00:01,000 --> 00:00:02,000\nhello\n",
        b'{"events": [{"tStartMs": 1000, "dDurationMs": 1000, "segs": [{"utf8": "hello"}]}]}',
        b'<?xml version="1.0"?><tt><body><p begin="1s" end="2s">hello</p></body></tt>',
        b"[Script Info]\n[Events]\nDialogue: 0,0:00:01.00,0:00:02.00,,,0,0,0,,hello\n",
    ],
)
def test_without_a_usual_extension_the_content_decides(content: bytes) -> None:
    assert spans(content, "stdin") == spans(content, "captions.txt") == [(1_000, 2_000, "hello")]


@pytest.mark.parametrize("content", [b"", b"WEBVTT\n\n", b"no captions", b"\x00\xff\xfe" * 90, b"<html></html>", b"{}"])
def test_files_without_cues_are_named(content: bytes) -> None:
    with pytest.raises(InputError, match=r"^talk\.en: .+"):
        clean(content, "talk.en")


def test_with_a_sound_its_end_counts_and_sentences_are_aligned(tmp_path: Path) -> None:
    sound = np.zeros(16_000 * 4)
    sound[8_000:24_000] = np.sin(np.arange(16_000) * 0.2)
    soundfile.write(tmp_path / "a.wav", sound, 16_000)
    content = b"WEBVTT\n\n00:00.000 --> 00:04.300\nso this is one.\n\n00:09.000 --> 00:10.000\ntoo late\n"
    cleaned = clean(content, "a.vtt", audio=tmp_path / "a.wav")
    assert [(span.end_ms, span.text) for span in cleaned.spoken] == [(4_000, "so this is one.")]
    assert [cue.reason for cue in cleaned.unused] == ["past the end of the sound"]
    (sentence,) = clean(content, "a.vtt", by_sentence=True, audio=tmp_path / "a.wav").spoken
    assert sentence.start_ms == pytest.approx(500, abs=100)
    assert sentence.end_ms == pytest.approx(1_500, abs=100)


@pytest.mark.parametrize("name", ["none.wav", "text.wav"])
def test_a_sound_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(InputError, match=name):
        clean(VTT, "talk.vtt", audio=tmp_path / name)
