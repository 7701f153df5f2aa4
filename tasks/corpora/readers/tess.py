"""TESS: two actresses of 26 and 64 say 200 words in seven emotions: "Say the word …"; 2,800 clips.

Pichora-Fuller and Dupuis (2020), "Toronto emotional speech set (TESS)", https://doi.org/10.5683/SP2/E8H2MF;
CC BY-NC-ND 4.0. `OAF_angry/OAF_back_angry.wav`: speaker (OAF older, YAF younger), word, emotion.

Quirks: names come in mixed case; one file starts with `OA_` instead of `OAF_`; pleasant surprise is `ps` in files and
`pleasant_surprise(d)` in folders; the copy on Kaggle holds the whole tree twice, so every utterance may be there two
times, and the second one is rejected. A few files have other sampling rates. With two speakers, most published splits
have both on both sides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tasks.core.errors import Rejected
from tasks.corpora import labels
from tasks.corpora.readers import reading
from tasks.corpora.readers.reading import Corpus, Count, Expected, Reading, Row

_NAME = re.compile(r"(OAF?|YAF?)_([a-z]+)_([a-z_]+)", re.IGNORECASE)
_LABELS = {
    "neutral": "neutral", "happy": "happiness", "sad": "sadness", "angry": "anger",
    "fear": "fear", "disgust": "disgust", "ps": "surprise",
}  # fmt: skip
_SPOKEN_AS = {"pleasant_surprise": "ps", "pleasant_surprised": "ps"}
_WORDS = 200


def read(folder: Path) -> Reading:
    """Read the clips anywhere below a folder."""
    return reading.unrepeated(reading.clips(folder, _row))


def _row(stem: str, where: str) -> Row:
    if (found := _NAME.fullmatch(stem)) is None:
        raise Rejected("not a name of TESS's", f"{stem}: expected a name such as OAF_back_angry")
    speaker, word, emotion = f"{found[1][:2].upper()}F", found[2].lower(), found[3].lower()
    code = _SPOKEN_AS.get(emotion, emotion)
    return reading.acted(
        "tess",
        f"{speaker}_{word}_{code}",
        speaker,
        where,
        script=f"tess/{word}",
        text=f"Say the word {word}",
        native_label=emotion,
        emotion=labels.emotion(_LABELS, code, where),
        licence="CC BY-NC-ND 4.0",
    )


def _expected(rows: Sequence[Row]) -> Expected:
    words = sorted(reading.tally(rows, "script"))
    speakers = sorted(reading.tally(rows, "speaker"))
    by_class, n_each = reading.tally(rows, "emotion"), len(words) * len(speakers)
    there = {row["utterance_id"] for row in rows}
    missing = [
        f"tess/{speaker.removeprefix('tess/')}_{word.removeprefix('tess/')}_{code}"
        for speaker in speakers
        for word in words
        for code in _LABELS
    ]
    counts = (
        Count(f"clips of the {len(words)} words and {len(speakers)} speakers here", len(missing), len(rows)),
        Count("words of the whole corpus", _WORDS, len(words)),
        Count("speakers of the whole corpus", 2, len(speakers)),
        *(Count(f"{one} of the words and speakers here", n_each, by_class[one]) for one in _LABELS.values()),
    )
    return Expected(counts, tuple(one for one in missing if one not in there))


CORPUS = Corpus(
    name="tess",
    title="TESS",
    licence="CC BY-NC-ND 4.0",
    url="https://doi.org/10.5683/SP2/E8H2MF",
    citation="Pichora-Fuller and Dupuis (2020)",
    language="en",
    labels=_LABELS,
    read=read,
    expected=_expected,
    max_duration_s=5.0,
)
