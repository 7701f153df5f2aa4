"""AESDD: six Greek actors, 20 utterances, five emotions; about 600 clips, growing.

Source: Vryzas et al. (2018), "Speech emotion recognition for performance interaction", Journal of the Audio Engineering
Society 66(6); https://m3c.web.auth.gr/research/aesdd-speech-emotion-recognition/. Licence: free for research.
Layout: `anger/a01 (1).wav`: first letter of the emotion, utterance, speaker in brackets.

Known problems: file names contain blanks and brackets; a second take has a letter after them (`f18 (5)b.wav`); version
1 has five speakers. One of a speaker's 20 utterances per emotion is improvised, which the names do not show.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tasks.core.errors import Rejected
from tasks.corpora import labels
from tasks.corpora.readers import reading
from tasks.corpora.readers.reading import CorpusReader, Count, Expected, ReaderOutput, Row, Sample, Studio

_NAME = re.compile(r"([a-z])(\d\d) ?\((\d+)\) ?([a-z]?)", re.IGNORECASE)
_LABELS = {"a": "anger", "d": "disgust", "f": "fear", "h": "happiness", "s": "sadness"}


def _read(folder: Path) -> ReaderOutput:
    """Read the clips anywhere below a folder, usually in a folder per emotion."""
    return reading.without_duplicates(reading.read_clips(folder, _row))


def _row(stem: str, path: str) -> Row:
    if (match := _NAME.fullmatch(stem)) is None:
        raise Rejected("not a name of AESDD's", f"{stem}: expected a name such as a01 (1)")
    code, number, speaker, take = (part.lower() for part in match.groups())
    return reading.acted_row(
        "aesdd",
        f"{code}{number}-{speaker}{take}",
        speaker,
        path,
        language="el",
        script=f"aesdd/{number}",
        native_label=code,
        emotion=labels.emotion(_LABELS, code, path),
        licence="research",
    )


def _expected(rows: Sequence[Row]) -> Expected:
    speakers = reading.tally(rows, "speaker")
    by_class = reading.tally(rows, "native_label")
    # the authors kept two takes of some utterances: these counts are approximate
    counts = [
        Count(f"{_LABELS[code]} of the {len(speakers)} speakers here", 20 * len(speakers), by_class[code])
        for code in _LABELS
    ]
    return Expected((Count("speakers of the whole corpus", 6, len(speakers)), *counts))


def _write_sample(folder: Path, studio: Studio) -> None:
    """Three speakers, three utterances, five emotions."""
    texts = {
        1: "the train to the coast leaves from the other platform",
        2: "they painted the kitchen on a Tuesday in April",
        3: "my cousin keeps the letters in a box by the window",
    }
    for code, emotion in _LABELS.items():
        for number, text in texts.items():
            for speaker in (1, 2, 3):
                path = folder / f"{emotion}/{code}{number:02d} ({speaker}).wav"
                studio.write_sound(studio.speak(text, 60 + speaker, emotion), path, rate_hz=44_100)


CORPUS = CorpusReader(
    name="aesdd",
    title="AESDD",
    licence="free for research",
    url="https://m3c.web.auth.gr/research/aesdd-speech-emotion-recognition/",
    citation="Vryzas et al. (2018), JAES 66(6)",
    language="el",
    labels=_LABELS,
    read=_read,
    expected=_expected,
    offers=reading.ACTED_COLUMNS,
    sample=Sample(
        _write_sample,
        n_utterances=45,
        golden={
            "utterance_id": "aesdd/h02-3", "speaker": "aesdd/3", "emotion": "happiness", "script": "aesdd/02",
            "language": "el", "audio": "happiness/h02 (3).wav",
        },
    ),
    max_duration_s=15.0,
)  # fmt: skip
