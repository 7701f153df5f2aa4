"""Turn the names of speakers (`JOY: We waited.`) into WebVTT's voices (`<v joy>We waited.`).

A name is not spoken, and must not vote. Voices are markup: they are no part of the text, and another one opens a turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from tasks.captions import clean
from tasks.captions.cue import Cue
from tasks.captions.speaker_labels import Form, Label, accepted, labels

_MARK = re.compile(r"^\W*[\[(]|>\s*[\[(]|\[(?:speaker|spk)|[:：]", re.IGNORECASE)
"""A colon, or a bracket that begins a line."""
_STAMP = re.compile(r"<(?:\d+:)?\d{2}:\d{2}\.\d{3}>")
_OFF_SCREEN = re.compile(r"[\[(](?:V\.?\s?O\.?|O\.?\s?[SC]\.?|CONT['’]?D\.?|[\d:.,\s–-]+)[\])]", re.IGNORECASE)
"""Behind a name, and no description of a voice: off screen, continued, or a time (`Speaker 1 (00:16): …`)."""
_SENTENCE_ENDS = tuple(".!?…。！？♪)]\"”'’-")
_LONGEST = 2_000
"""Longer lines are no captions; replacing their names takes time in the square of their length."""
_PUNCTUATED = 0.2
"""In captions with punctuation, more than this share of the lines ends a sentence."""
_SAMPLE = 500
"""The case of so many cues is that of the file."""


def as_voices(cues: Sequence[Cue]) -> list[Cue]:
    """Replace the names of speakers by voices.

    A name on a line of its own is the voice of the next line, also of the next cue.

    Args:
        cues: sorted by time
    """
    candidates = _candidates(cues)
    if not candidates:
        return list(cues)
    every = [label for line_labels in candidates.values() for label in line_labels]
    if not every:
        return list(cues)
    # only labels in capitals ask for the case of the file
    in_capitals = any(label.form is Form.CAPITALS for label in every) and _in_capitals(cues)
    names = accepted(every, len(cues), in_capitals=in_capitals)
    if not names:
        return list(cues)
    within = re.compile(
        rf"(?<=[.!?…\"”)\]♪])\s+({'|'.join(map(re.escape, sorted(names, key=len, reverse=True)))})\s?:(?=\s)",
        re.IGNORECASE,
    )
    voiced = dict[str, str]()
    for line, line_labels in candidates.items():
        kept = [label for label in line_labels if label.name in names]
        first = kept[-1].end if kept else 0
        others = (match for match in within.finditer(clean.displayed(line)) if match.start() >= first)
        inner = [Label(m[1].casefold(), m.start(), m.end(), "", "", Form.CERTAIN) for m in others if m[1][0].isupper()]
        voiced[line] = _voiced(line, [*kept, *inner])
    return list(_replaced(cues, voiced))


def _replaced(cues: Sequence[Cue], voiced: Mapping[str, str]) -> Iterator[Cue]:
    """Yield cues with voices; a name on a line of its own moves to the next line that is displayed."""
    voice = ""
    for cue in cues:
        lines = list[str]()
        for line in cue.lines:
            text = voiced.get(line, line)
            if text != line and not clean.spoken_text((text,)):
                voice = text
            elif voice and clean.displayed(text):
                lines.append(f"{voice}{text}")
                voice = ""
            else:
                lines.append(text)
        yield cue._replace(lines=tuple(lines)) if tuple(lines) != cue.lines else cue


def _candidates(cues: Sequence[Cue]) -> dict[str, list[Label]]:
    """Return every line that may begin with a name, and its possible names."""
    candidates = dict[str, list[Label]]()
    is_punctuated = cache(lambda: _is_punctuated(cues))
    for cue in cues:
        before = ""
        for line in cue.lines:
            if line not in candidates and len(line) <= _LONGEST and _may_name(line):
                shown = clean.displayed(line)
                candidates[line] = [
                    label for label in labels(shown) if not (_continues(label, before, shown) and is_punctuated())
                ]
            before = line
    return candidates


def _may_name(line: str) -> bool:
    # fast path: times of words have two colons
    n_colons = 2 * (line.count("<0") + line.count("<1"))
    if line.count(":") == n_colons and "：" not in line and "[" not in line and "(" not in line:
        return False
    return _MARK.search(clean.displayed(line)) is not None


def _continues(label: Label, before: str, line: str) -> bool:
    """Tell whether a line continues the one before: then capitals are an abbreviation (`according to|NASA: the …`)."""
    if label.form is not Form.CAPITALS or label.start > 0 or not before:
        return False
    return line[label.end :].lstrip()[:1].islower() and not clean.displayed(before).endswith(_SENTENCE_ENDS)


def _is_punctuated(cues: Sequence[Cue]) -> bool:
    lines = [clean.displayed(line) for cue in cues[:_SAMPLE] for line in cue.lines]
    return sum(line.endswith(_SENTENCE_ENDS) for line in lines) > _PUNCTUATED * len(lines)


def _in_capitals(cues: Sequence[Cue]) -> bool:
    """Tell whether most letters are capitals, without possible names."""
    shown = (clean.displayed(line) for cue in cues[:_SAMPLE] for line in cue.lines)
    text = "".join(line.rpartition(":")[2] for line in shown)
    return sum(map(str.islower, text)) < sum(map(str.isupper, text))


def _voiced(line: str, names: Sequence[Label]) -> str:
    """Return a line, with its markup, in which voices replace names."""
    shown = clean.displayed(line)
    for label in reversed(names):
        start, end = _raw_place(line, shown[: label.start]), _raw_place(line, shown[: label.end])
        if start is None or end is None:
            continue
        description = "" if _OFF_SCREEN.fullmatch(label.description) else f"{label.description} "
        # what follows keeps its time
        stamp = "".join(_STAMP.findall(line[start:end])[-1:])
        line = f"{line[:start]} {label.lead} <v {label.name}>{description}{stamp}{line[end:]}"
    return line


def _raw_place(line: str, shown: str) -> int | None:
    """Return the length of the part of a line, with markup, that is displayed as this."""
    shown = shown.rstrip()
    if line.startswith(shown):
        return len(shown)
    ends = (place for place, character in enumerate(line, 1) if character in (shown[-1], ";"))
    return next((end for end in ends if clean.displayed(line[:end]) == shown), None)
