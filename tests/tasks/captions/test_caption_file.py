"""Whole caption files: all kinds of faults, and real manual and automatic captions."""

from __future__ import annotations

import hashlib
import random
import re
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from tasks.captions.caption_file import ParsedCaptions
from tasks.captions.caption_file import read as read_file
from tasks.captions.cue import SpokenSpan
from tasks.captions.repair import in_order
from tasks.captions.rolling import unroll
from tasks.captions.vtt import read as read_vtt

read = partial(read_file, by_word=True)

MANUAL = """WEBVTT

00:00:08.000 --> 00:00:09.000
third &amp; last

00:00:01.000 --> 00:00:03.100
-first
-[Laughing]

00:00:03.000 --> 00:00:05.000
second

00:00:05.000 --> 00:00:06.000
[Laughing]

00:00:07.000 --> 00:00:06.000
backwards

00:00:09.000 --> 00:00:10.400
a little over

00:00:11.000 --> 00:00:12.000
long after
"""
ROLLING = Path("1.en.vtt"), Path("2.en.vtt"), Path("kobe.en.vtt"), Path("manifesto_audio.vtt")


@pytest.mark.parametrize("name", ["utf-8", "utf-16", "latin-1"])
def test_certain_repairs_are_made_and_other_cues_get_a_reason(name: str) -> None:
    parsed = read(MANUAL.encode(name), "vtt", duration_s=10, max_overrun_s=0.5)
    assert parsed.spoken == (
        SpokenSpan(2, 1_000, 3_000, "first [Laughing]"),
        SpokenSpan(3, 3_000, 5_000, "second"),
        SpokenSpan(1, 8_000, 9_000, "third & last"),
        SpokenSpan(6, 9_000, 10_000, "a little over"),
    )
    assert [(cue.number, cue.reason) for cue in parsed.unused] == [
        (4, "only a tag"),
        (5, "negative length"),
        (7, "past the end of the sound"),
    ]


def test_a_truncated_file_loses_its_incomplete_cue() -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\nwhole\n\n00:03.000 --> 00:04.000\nhalf a sen"
    parsed = read(text.encode(), "vtt", duration_s=60, max_overrun_s=0.5)
    assert [span.text for span in parsed.spoken] == ["whole"]
    assert [(cue.number, cue.reason, cue.detail) for cue in parsed.unused] == [(2, "cut off", "half a sen")]


def test_a_file_without_a_last_line_break_that_covers_the_sound_is_whole() -> None:
    parsed = read(b"WEBVTT\n\n00:01.000 --> 00:04.000\nall of it", "vtt", duration_s=4.2, max_overrun_s=0.5)
    assert [span.text for span in parsed.spoken] == ["all of it"]
    assert not parsed.unused


@pytest.mark.parametrize("part", [0.33, 0.5, 0.77])
@pytest.mark.parametrize("name", ["utf-8", "utf-16"])
def test_any_half_of_a_file_can_be_read(part: float, name: str) -> None:
    content = MANUAL.encode(name)
    whole = {span.text for span in read(content, "vtt", 10, 0.5).spoken}
    assert {span.text for span in read(content[: int(part * len(content))], "vtt", 10, 0.5).spoken} <= whole


def _normalised(words: list[str]) -> list[str]:
    return [bare for word in words if (bare := re.sub(r"[^\w']", "", word).casefold())]


def _word_error_rate(expected: list[str], recognised: list[str]) -> float:
    row = list(range(len(recognised) + 1))
    for i, word in enumerate(expected, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(recognised, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1] / len(expected)


def test_word_error_rate() -> None:
    assert _word_error_rate(["a", "b", "c", "d"], ["a", "x", "c"]) == 0.5


def _words(path: Path, duration_s: float = 1e6) -> list[str]:
    parsed = read(path.read_bytes(), path.suffix[1:], duration_s, 0.5)
    return _normalised(" ".join(span.text for span in parsed.spoken).split())


@pytest.mark.real
def test_automatic_captions_have_the_words_of_the_manual_ones(real_data: Path) -> None:
    folder = real_data / "interviews"
    clean = _words(folder / "manifesto_audio.srt")
    assert len(clean) > 150
    assert _word_error_rate(clean, _words(folder / "manifesto_audio.vtt")) <= 0.01


def _settled(path: Path) -> list[str]:
    """Read the words in another way: a complete line is the last one for a moment, or the screen clears."""
    lines = []
    screens = [
        (
            cue.end_ms - cue.start_ms <= 70,
            [text for line in cue.lines if (text := re.sub(r"<[^>]*>", "", line).strip())],
        )
        for cue in read_vtt(path.read_text())[0]
    ]
    for (brief, shown), (next_brief, next_shown) in pairwise([*screens, (True, [])]):
        if shown and (brief or (next_brief and not next_shown)):
            lines.append(shown[-1])
    return _normalised(" ".join(lines).replace("&gt;", "").replace("&nbsp;", " ").split())


def _automatic(real_data: Path) -> list[Path]:
    return [*(real_data / "interviews" / name for name in ROLLING), *sorted((real_data / "captions").glob("*.vtt"))]


@pytest.mark.real
def test_unrolled_captions_contain_no_word_twice(real_data: Path) -> None:
    for path in _automatic(real_data):
        lines = unroll(in_order(read_vtt(path.read_text())[0])[0], by_word=True)
        words = [word for line in lines for word in line.words]
        unrolled = _normalised(" ".join(word.text.replace("\xa0", " ") for word in words).split())
        assert unrolled == _settled(path), path
        assert len(words) > 90
        assert all(first.end_ms <= second.start_ms for first, second in pairwise(words)), path
        assert all(word.start_ms < word.end_ms for word in words), path


@pytest.mark.real
def test_every_kept_span_lies_inside_the_sound(real_data: Path) -> None:
    import av

    sounds = {"1": "1.webm", "2": "2.m4a", "3": "3.m4a", "kobe": "kobe.mp3", "manifesto_audio": "manifesto_audio.mp3"}
    for path in sorted((real_data / "interviews").glob("*.vtt")):
        with av.open(str(path.parent / sounds[path.name.split(".")[0]])) as container:
            duration_s = container.duration / 1e6
        parsed = read(path.read_bytes(), "vtt", duration_s, 0.5)
        assert len(parsed.spoken) >= 15, path
        assert all(0 <= span.start_ms < span.end_ms <= round(duration_s * 1000) for span in parsed.spoken), path
        assert all(a.end_ms <= b.start_ms for a, b in pairwise(parsed.spoken)), path
        assert {cue.reason for cue in parsed.unused} <= {"only a tag", "past the end of the sound"}, parsed.unused


PIECES = (
    "-Yes.", "&gt;&gt; no", "[Music]", "♪ la ♪", "<v Bob>hi</v>", "so (well) yes", "...", "", "- 5", "-\u2013 x >>y",
    "a<00:00:01.500> b", "<00:00:02.100>c<00:00:03.000><c> d</c>",
)  # fmt: skip


def _invented(rng: random.Random) -> str:
    """Make a file with faults of many kinds, but without overlaps."""
    pieces = PIECES if rng.random() < 0.5 else PIECES[:-2]
    clock_ms, cues = 0, []
    for _ in range(rng.randint(1, 9)):
        start_ms = clock_ms + rng.randint(0, 900)
        end_ms = max(0, start_ms + rng.randint(-50, 2_500))
        clock_ms = max(start_ms, end_ms)
        times = " --> ".join(f"00:{time_ms / 1000:06.3f}" for time_ms in (start_ms, end_ms))
        cues.append("\n".join([times, *(piece for piece in rng.choices(pieces, k=rng.randint(1, 3)) if piece), ""]))
    return "WEBVTT\n\n" + "\n".join(cues) + "\n"


def test_captions_by_cue_are_parsed_as_before() -> None:
    """Published labels were made cue by cue; the digest is that of the code before `captions.segmentation`."""
    rng = random.Random(5)
    files = [read(_invented(rng).encode(), "vtt", rng.choice([5.0, 60.0]), 0.5) for _ in range(300)]
    assert len({cue.reason for file in files for cue in file.unused}) >= 5
    digest = hashlib.sha256("".join(map(_as_before, files)).encode()).hexdigest()
    assert digest == "f1c8791a83c4c84922b23dc66509a3b887a1b7fb7fcc2f3d5963d6024b147198"


@pytest.mark.real
def test_real_captions_by_cue_are_parsed_as_before(real_data: Path) -> None:
    """All but the interview that names its speakers."""
    digest = hashlib.sha256()
    folders = real_data / "interviews", real_data / "captions"
    for path in sorted(path for folder in folders for path in folder.glob("*.[vs][tr]t") if path.name != "kobe.en.vtt"):
        digest.update(_as_before(read(path.read_bytes(), path.suffix[1:], 600.0, 0.5)).encode())
    assert digest.hexdigest() == "cb3d2834255ef4b2e62120f7b6e65bab8e91eb2bbb109ae3d660eb11b4471eda"


def _as_before(parsed: ParsedCaptions) -> str:
    spoken = [(span.number, span.start_ms, span.end_ms, span.text) for span in parsed.spoken]
    return repr((spoken, [(cue.number, cue.reason) for cue in parsed.unused]))
