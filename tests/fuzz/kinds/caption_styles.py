"""Valid caption files of a script, in the styles of sites, recognisers and converters."""

from __future__ import annotations

import html
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

MAX_SHIFT_MS = 1500
"""An utterance's start may be moved this much: to a quiet place, or by words that share their cue's time."""
_SYLLABLES = ("ba", "do", "fi", "ku", "le", "mo", "na", "pi", "ru", "sa", "te", "vo", "wi", "zu", "gra", "ple", "stri")
_ENDS = (".", "?", "!")
_NAMES = (("JOY", "HOPE WINTERS"), ("[SPEAKER_00]", "[SPEAKER_01]"), (">> GRACE", ">> BILL"), ("(JOY)", "(MAN)"))


@dataclass(frozen=True)
class Sentence:
    """A spoken sentence.

    Args:
        words: no word occurs twice in a script
        starts_ms: of every word
        end_ms: of the sentence
    """

    words: tuple[str, ...]
    starts_ms: tuple[int, ...]
    end_ms: int

    @property
    def start_ms(self) -> int:
        """Start of the first word."""
        return self.starts_ms[0]

    @property
    def text(self) -> str:
        """The words with single spaces."""
        return " ".join(self.words)


@dataclass(frozen=True)
class WrittenCaptions:
    """A caption file and its format."""

    content: bytes
    format: str


Cues = list[tuple[int, int, list[str]]]
"""Start and end in ms, and lines."""


def script(rng: random.Random) -> list[Sentence]:
    """Return three to twelve sentences with pauses between them; every word occurs once."""
    unused = _vocabulary(rng)
    clock_ms, sentences = rng.randrange(0, 3000), []
    for _ in range(rng.randint(3, 12)):
        words = [next(unused) for _ in range(rng.randint(2, 9))]
        if rng.random() < 0.2:
            words[len(words) // 2] += rng.choice(("'s", "n't"))
        words[0], words[-1] = words[0].capitalize(), words[-1] + rng.choice(_ENDS)
        lengths_ms = [rng.randrange(200, 600) for _ in words]
        edges_ms = list(accumulate(lengths_ms, initial=clock_ms))
        sentences.append(Sentence(tuple(words), tuple(edges_ms[:-1]), edges_ms[-1]))
        clock_ms = edges_ms[-1] + rng.randrange(300, 1500)
    return sentences


def _vocabulary(rng: random.Random) -> Iterator[str]:
    used = set[str]()
    while True:
        word = "".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4)))
        if word not in used:
            used.add(word)
            yield word


def written(sentences: list[Sentence], rng: random.Random) -> WrittenCaptions:
    """Return the script as a caption file in a random style.

    Args:
        sentences: the script
        rng: seeded generator
    """
    style = rng.choice(_STYLES)
    cues = style(sentences, rng)
    if rng.random() < 0.3:
        cues = [(start, end, _decorated(lines, rng)) for start, end, lines in cues]
    if style in (_plain, _two_lines) and rng.random() < 0.3:
        write = rng.choice((_json3, _ttml, _ass))
        return write(_plain(sentences, rng))
    caption_format = (
        "vtt" if any("<c>" in line for _, _, lines in cues for line in lines) else rng.choice(("vtt", "srt"))
    )
    if caption_format == "vtt" and style is _plain and rng.random() < 0.2:
        text = _joined_segments(cues)
    else:
        text = _vtt(cues, rng) if caption_format == "vtt" else _srt(cues, rng)
    return WrittenCaptions(_encoded(text, rng), caption_format)


def _plain(sentences: list[Sentence], _: random.Random) -> Cues:
    return [(s.start_ms, s.end_ms, [s.text]) for s in sentences]


def _two_lines(sentences: list[Sentence], _: random.Random) -> Cues:
    cues: Cues = []
    for s in sentences:
        middle = len(s.words) // 2
        cues.append((s.start_ms, s.end_ms, [" ".join(s.words[:middle]), " ".join(s.words[middle:])]))
    return cues


def _with_names(sentences: list[Sentence], rng: random.Random) -> Cues:
    """Subtitles for the deaf and transcripts with speakers: the name stands before what is said."""
    names = rng.choice(_NAMES)
    cues: Cues = []
    for number, s in enumerate(sentences):
        cues.append((s.start_ms, s.end_ms, [f"{names[number // 2 % 2]}: {s.text}" if number % 2 == 0 else s.text]))
    return cues


def _overlapping(sentences: list[Sentence], _: random.Random) -> Cues:
    """A line stays on the screen until the line after next comes."""
    starts = [s.start_ms for s in sentences]
    ends = [*starts[2:], sentences[-1].end_ms, sentences[-1].end_ms][: len(starts)]
    return [(s.start_ms, max(end, s.end_ms), [s.text]) for s, end in zip(sentences, ends, strict=True)]


def _growing(sentences: list[Sentence], _: random.Random) -> Cues:
    """A live line grows word by word; every cue repeats it whole."""
    return [
        (start, end, [" ".join(s.words[: n + 1])])
        for s in sentences
        for n, (start, end) in enumerate(pairwise((*s.starts_ms, s.end_ms)))
    ]


def _highlighted(sentences: list[Sentence], rng: random.Random) -> Cues:
    """A cue per word shows the whole sentence with this word marked."""
    opening, closing = rng.choice((("<u>", "</u>"), ('<font color="#00ff00">', "</font>"), ("<b>", "</b>")))
    return [
        (start, end, [" ".join(f"{opening}{w}{closing}" if k == n else w for k, w in enumerate(s.words))])
        for s in sentences
        for n, (start, end) in enumerate(pairwise((*s.starts_ms, s.end_ms)))
    ]


def _rolling(sentences: list[Sentence], _: random.Random) -> Cues:
    """YouTube's automatic captions: words with times, the line before above them."""
    cues: Cues = []
    above = " "
    for s in sentences:
        stamps = [f"<{_clock(t, '.')}><c> {w}</c>" for w, t in zip(s.words[1:], s.starts_ms[1:], strict=True)]
        cues.append((s.start_ms, s.end_ms, [above, s.words[0] + "".join(stamps)]))
        cues.append((s.end_ms, s.end_ms + 10, [s.text, " "]))
        above = s.text
    return cues


_STYLES: tuple[Callable[[list[Sentence], random.Random], Cues], ...] = (
    _plain, _two_lines, _with_names, _overlapping, _growing, _highlighted, _rolling,
)  # fmt: skip


def _decorated(lines: list[str], rng: random.Random) -> list[str]:
    if any("<" in line for line in lines):
        return lines
    match rng.randrange(6):
        case 5:
            return [html.escape(html.escape(line)) for line in lines]
        case 0:
            return [f"<i>{line}</i>" for line in lines]
        case 1:
            return [f"{{\\an8}}{line}" for line in lines]
        case 2:
            return [line.replace(" ", "\\h") for line in lines]
        case 3:
            return ["\\N".join(lines)]
        case _:
            return [f"\u202a{line}\u202c" for line in lines]


def _clock(time_ms: int, point: str) -> str:
    seconds, milliseconds = divmod(time_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{point}{milliseconds:03d}"


def _srt(cues: Cues, rng: random.Random) -> str:
    offset = rng.choice((1, 1, 1, 0, 100))
    blocks = [
        f"{number + offset}\n{_clock(start, ',')} --> {_clock(end, ',')}\n" + "\n".join(lines)
        for number, (start, end, lines) in enumerate(cues)
    ]
    return "\n\n".join(blocks) + rng.choice(("\n", "\n\n", ""))


def _vtt(cues: Cues, rng: random.Random) -> str:
    header = rng.choice(("WEBVTT", "WEBVTT", "WEBVTT - title", "WEBVTT\nKind: captions\nLanguage: en"))
    note = rng.choice(("", "", "\n\nNOTE a comment", "\n\nSTYLE\n::cue { color: lime }"))
    settings = rng.choice(("", "", " align:start position:0%"))
    blocks = [
        f"{_clock(start, '.')} --> {_clock(end, '.')}{settings}\n" + "\n".join(lines) for start, end, lines in cues
    ]
    return f"{header}{note}\n\n" + "\n\n".join(blocks) + rng.choice(("\n", "\n\n", ""))


def _joined_segments(cues: Cues) -> str:
    """Segments of a stream, joined as they came: a header before each, and the cue at the border in both."""
    middle = len(cues) // 2
    head = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n"
    parts = (cues[: middle + 1], cues[middle:])
    blocks = ([f"{_clock(a, '.')} --> {_clock(b, '.')}\n" + "\n".join(lines) for a, b, lines in part] for part in parts)
    return "".join(head + "\n\n".join(part) + "\n\n" for part in blocks)


def _json3(cues: Cues) -> WrittenCaptions:
    events = [
        {"tStartMs": start, "dDurationMs": end - start, "segs": [{"utf8": "\n".join(lines)}]}
        for start, end, lines in cues
    ]
    return WrittenCaptions(json.dumps({"wireMagic": "pb3", "events": events}).encode(), "json3")


def _ttml(cues: Cues) -> WrittenCaptions:
    lines = "".join(
        f'<p begin="{_clock(start, ".")}" end="{_clock(end, ".")}">{html.escape("<br/>".join(texts), quote=False)}</p>'
        for start, end, texts in cues
    )
    text = f'<?xml version="1.0"?><tt xmlns="http://www.w3.org/ns/ttml"><body><div>{lines}</div></body></tt>'
    return WrittenCaptions(text.encode(), "ttml")


def _ass(cues: Cues) -> WrittenCaptions:
    columns = "Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"
    head = f"[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: {columns}\n"
    lines = [
        f"Dialogue: 0,{_centiseconds(start)},{_centiseconds(end)},Default,,0,0,0,,{' '.join(texts)}\n"
        for start, end, texts in cues
    ]
    return WrittenCaptions((head + "".join(lines)).encode(), "ass")


def _centiseconds(time_ms: int) -> str:
    return _clock(time_ms, ".")[1:-1]


def _encoded(text: str, rng: random.Random) -> bytes:
    text = text.replace("\n", rng.choice(("\n", "\n", "\r\n", "\r", "\r\r\n")))
    match rng.randrange(6):
        case 0:
            return b"\xef\xbb\xbf" + text.encode()
        case 1:
            return b"\xff\xfe" + text.encode("utf-16-le")
        case _:
            return text.encode()
