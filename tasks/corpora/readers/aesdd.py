"""AESDD: six Greek actors, 20 utterances, five emotions; about 600 clips, growing.

Vryzas et al. (2018), "Speech emotion recognition for performance interaction", Journal of the Audio Engineering Society
66(6). From https://m3c.web.auth.gr/research/aesdd-speech-emotion-recognition/; free for research. `anger/a01 (1).wav`:
first letter of the emotion, utterance, and the speaker in brackets.

Quirks: blanks and brackets in file names; a second take has a letter after them (`f18 (5)b.wav`); version 1 has five
speakers. One of a speaker's 20 utterances an emotion is improvised, which the names don't tell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tasks.core.errors import Rejected
from tasks.corpora import labels
from tasks.corpora.readers import reading
from tasks.corpora.readers.reading import Corpus, Count, Expected, Reading, Row

_NAME = re.compile(r"([a-z])(\d\d) ?\((\d+)\) ?([a-z]?)", re.IGNORECASE)
_LABELS = {"a": "anger", "d": "disgust", "f": "fear", "h": "happiness", "s": "sadness"}


def read(folder: Path) -> Reading:
    """Read the clips anywhere below a folder, usually in a folder per emotion."""
    return reading.unrepeated(reading.clips(folder, _row))


def _row(stem: str, where: str) -> Row:
    if (found := _NAME.fullmatch(stem)) is None:
        raise Rejected("not a name of AESDD's", f"{stem}: expected a name such as a01 (1)")
    code, number, speaker, take = (part.lower() for part in found.groups())
    return reading.acted(
        "aesdd",
        f"{code}{number}-{speaker}{take}",
        speaker,
        where,
        language="el",
        script=f"aesdd/{number}",
        native_label=code,
        emotion=labels.emotion(_LABELS, code, where),
        licence="research",
    )


def _expected(rows: Sequence[Row]) -> Expected:
    speakers = reading.tally(rows, "speaker")
    by_class = reading.tally(rows, "native_label")
    # the authors kept two takes of some utterances: counts are near, not exact
    counts = [
        Count(f"{_LABELS[code]} of the {len(speakers)} speakers here", 20 * len(speakers), by_class[code])
        for code in _LABELS
    ]
    return Expected((Count("speakers of the whole corpus", 6, len(speakers)), *counts))


CORPUS = Corpus(
    name="aesdd",
    title="AESDD",
    licence="free for research",
    url="https://m3c.web.auth.gr/research/aesdd-speech-emotion-recognition/",
    citation="Vryzas et al. (2018), JAES 66(6)",
    language="el",
    labels=_LABELS,
    read=read,
    expected=_expected,
    max_duration_s=15.0,
)
