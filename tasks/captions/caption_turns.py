"""Speaker turns of a caption file, with the speakers' names where the file has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tasks.captions import caption_file, limits, overlaps, repair, repetitions, speaker_names, turns
from tasks.captions.cue import CaptionLine, Cue
from tasks.captions.encoding import decode


@dataclass(frozen=True)
class CaptionTurn:
    """A turn from one mark of another speaker to the next; `name` is the speaker's in lower case, "" for none."""

    start_s: float
    end_s: float
    name: str


def read(content: bytes, caption_format: str) -> list[CaptionTurn]:
    """Return the turns that captions mark by chevrons, dashes or names; none if they have no mark.

    Args:
        content: the caption file
        caption_format: a format that `caption_file` reads

    Raises:
        Rejected: if the file as a whole cannot be read
    """
    limits.demand_bytes(content)
    text = decode(content)
    limits.demand_lines(text)
    parsed, malformed = caption_file.READERS[caption_format](text)
    limits.demand_words(parsed, len(malformed))
    ordered, _ = repair.in_order([cue for cue in parsed if "\0" not in "".join(cue.lines)])
    single, _ = overlaps.without_repeats(ordered)
    words = repetitions.without_repetitions(speaker_names.as_voices(single), by_word=True)
    # a rolling line is in several cues, so that its names cannot be assigned to words
    names = _names(words.cues) if words.unrolled is None else {}
    return _turns(words.lines(), names)


def _names(cues: Sequence[Cue]) -> dict[int, list[str]]:
    """Return the voices that begin in each cue, by the cue's number."""
    names, voice = dict[int, list[str]](), None
    for cue in cues:
        for name in turns.voices(cue.lines):
            if name != voice:
                names.setdefault(cue.number, []).append(name.strip().casefold())
            voice = name
    return names


def _turns(lines: Sequence[CaptionLine], names: dict[int, list[str]]) -> list[CaptionTurn]:
    marked = list[CaptionTurn]()
    for line in lines:
        opening = [word for word in line.words if word.opens_turn]
        named = names.get(line.number, [])
        # fewer names than marks: a cue has chevrons or dashes, too
        padded = named if len(named) == len(opening) else [""] * (len(opening) - 1) + named[-1:]
        for place, word in enumerate(opening):
            marked.append(CaptionTurn(word.start_ms / 1000, 0.0, padded[place] if place < len(padded) else ""))
    if not marked:
        return []
    first_s, last_s = lines[0].words[0].start_ms / 1000, lines[-1].words[-1].end_ms / 1000
    before = [CaptionTurn(first_s, 0.0, "")] if first_s < marked[0].start_s else []
    starts = sorted([*before, *marked], key=lambda turn: turn.start_s)
    ends_s = [*(turn.start_s for turn in starts[1:]), last_s]
    ended = [replace(turn, end_s=max(end_s, turn.start_s)) for turn, end_s in zip(starts, ends_s, strict=True)]
    return [turn for turn in ended if turn.end_s > turn.start_s]
