"""Join segments of a WebVTT stream (HTTP Live Streaming): one clock for all, and cues at a border once.

Every segment has a header that maps its clock to the stream's: `X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000`
(RFC 8216, section 3.5). MPEGTS counts 90,000 a second and starts again at 2³³.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tasks.captions import clean
from tasks.captions.cue import Cue, UnusedCue
from tasks.captions.repair import REPEATED
from tasks.captions.time_lines import parse_time

CLOCK_MAP = "X-TIMESTAMP-MAP"
_MAP = re.compile(rf"{CLOCK_MAP}\s*=")
_TICKS = re.compile(r"MPEGTS:(\d{1,19})")
_LOCAL = re.compile(r"LOCAL:([\d:.,]+)")
_TICKS_PER_MS = 90
_WRAP = 2**33
_SPLIT_MS = 100
"""A cue that is split at a border continues within this time."""
_MOST_AT_BORDER = 20
"""A segment may repeat so many of the last cues before it."""


@dataclass(frozen=True)
class StreamSegment:
    """The cues of a segment in the file's order, and its clock map as in the file, or nothing."""

    cues: Sequence[Cue]
    clock_map: str


def is_clock_map(line: str) -> bool:
    """Tell whether a line maps a segment's clock to the stream's."""
    return line.startswith(CLOCK_MAP) and _MAP.match(line) is not None


def join(segments: Sequence[StreamSegment]) -> tuple[list[Cue], list[UnusedCue]]:
    """Return the cues of all segments on the clock of the first; a cue that the next segment repeats once.

    Args:
        segments: in the file's order

    Returns:
        cues, and those that only repeat or continue the last ones of the segment before
    """
    joined, repeated = list[Cue](), list[UnusedCue]()
    for segment, offset_ms in zip(segments, _offsets_ms(segments), strict=True):
        first = max(len(joined) - _MOST_AT_BORDER, 0)
        places = {cue.lines: place for place, cue in enumerate(joined[first:], first)}
        for cue in segment.cues:
            moved = _moved(cue, offset_ms) if offset_ms else cue
            place = places.get(cue.lines)
            if place is not None and joined[place].start_ms <= moved.start_ms <= joined[place].end_ms + _SPLIT_MS:
                joined[place] = joined[place]._replace(end_ms=max(joined[place].end_ms, moved.end_ms))
                repeated.append(UnusedCue(cue.number, REPEATED, clean.spoken_text(cue.lines)))
            else:
                joined.append(moved)
    return joined, repeated


def _moved(cue: Cue, offset_ms: int) -> Cue:
    return cue._replace(start_ms=cue.start_ms + offset_ms, end_ms=cue.end_ms + offset_ms)


def _offsets_ms(segments: Sequence[StreamSegment]) -> list[int]:
    """Return what to add to each segment's times; zeros if the times already count from the start of the stream."""
    unchanged = [0] * len(segments)
    if len(segments) == 1 or not any(segment.clock_map for segment in segments):
        return unchanged
    # without a map, a segment continues the one before
    maps = list[str]()
    for segment in segments:
        maps.append(segment.clock_map or "".join(maps[-1:]))
    locals_ms = [_local_ms(clock_map) for clock_map in maps]
    bases_ms = [stream_ms - local_ms for stream_ms, local_ms in zip(_streams_ms(maps), locals_ms, strict=True)]
    offsets_ms = [base_ms - bases_ms[0] for base_ms in bases_ms]
    longest_ms = max(after - before for before, after in pairwise(offsets_ms))
    # some packagers map the clock anew although the times go on: no cue starts after its segment's end
    counts_anew = all(
        cue.start_ms - local_ms < longest_ms
        for segment, local_ms in zip(segments, locals_ms, strict=True)
        for cue in segment.cues
    )
    return offsets_ms if counts_anew and min(offsets_ms) >= 0 else unchanged


def _local_ms(clock_map: str) -> int:
    match = _LOCAL.search(clock_map)
    return (parse_time(match[1]) if match else None) or 0


def _streams_ms(clock_maps: Sequence[str]) -> list[int]:
    """Return the stream's time that each map states; its counter may have started again before."""
    times_ms = list[int]()
    before, added = 0, 0
    for clock_map in clock_maps:
        match = _TICKS.search(clock_map)
        ticks = int(match[1]) if match else 0
        if before - ticks > _WRAP // 2:
            added += _WRAP
        before = ticks
        times_ms.append((ticks + added) // _TICKS_PER_MS)
    return times_ms
