"""TESS: two actresses of 26 and 64 say 200 words in seven emotions: "Say the word …"; 2,800 clips.

Source: Pichora-Fuller and Dupuis (2020), "Toronto emotional speech set (TESS)", https://doi.org/10.5683/SP2/E8H2MF.
Licence: CC BY-NC-ND 4.0.
Layout: `OAF_angry/OAF_back_angry.wav`: speaker (OAF older, YAF younger), word, emotion.

Known problems: names come in mixed case; one file starts with `OA_` instead of `OAF_`; pleasant surprise is `ps` in
files and `pleasant_surprise(d)` in folders; the copy on Kaggle holds the whole tree twice, so each second file of an
utterance is rejected. A few files have other sampling rates. There are two speakers only: most published splits have
both on both sides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from tasks.core.errors import Rejected
from tasks.corpora import labels
from tasks.corpora.readers import reading
from tasks.corpora.readers.reading import CorpusReader, Count, Expected, ReaderOutput, Row, Sample, Studio

_NAME = re.compile(r"(OAF?|YAF?)_([a-z]+)_([a-z_]+)", re.IGNORECASE)
_LABELS = {
    "neutral": "neutral", "happy": "happiness", "sad": "sadness", "angry": "anger",
    "fear": "fear", "disgust": "disgust", "ps": "surprise",
}  # fmt: skip
_ALIASES = {"pleasant_surprise": "ps", "pleasant_surprised": "ps"}
_AGES = {"OAF": 64, "YAF": 26}
_WORDS = 200


def _read(folder: Path) -> ReaderOutput:
    """Read the clips anywhere below a folder."""
    return reading.without_duplicates(reading.read_clips(folder, _row))


def _row(stem: str, path: str) -> Row:
    if (match := _NAME.fullmatch(stem)) is None:
        raise Rejected("not a name of TESS's", f"{stem}: expected a name such as OAF_back_angry")
    speaker, word, emotion = f"{match[1][:2].upper()}F", match[2].lower(), match[3].lower()
    code = _ALIASES.get(emotion, emotion)
    return reading.acted_row(
        "tess",
        f"{speaker}_{word}_{code}",
        speaker,
        path,
        script=f"tess/{word}",
        text=f"Say the word {word}",
        native_label=emotion,
        emotion=labels.emotion(_LABELS, code, path),
        licence="CC BY-NC-ND 4.0",
        sex="female",
        age=_AGES[speaker],
    )


def _expected(rows: Sequence[Row]) -> Expected:
    words = sorted(reading.tally(rows, "script"))
    speakers = sorted(reading.tally(rows, "speaker"))
    by_class, per_class = reading.tally(rows, "emotion"), len(words) * len(speakers)
    present = {row["utterance_id"] for row in rows}
    wanted = [
        f"tess/{speaker.removeprefix('tess/')}_{word.removeprefix('tess/')}_{code}"
        for speaker in speakers
        for word in words
        for code in _LABELS
    ]
    counts = (
        Count(f"clips of the {len(words)} words and {len(speakers)} speakers here", len(wanted), len(rows)),
        Count("words of the whole corpus", _WORDS, len(words)),
        Count("speakers of the whole corpus", 2, len(speakers)),
        *(
            Count(f"{emotion} of the words and speakers here", per_class, by_class[emotion])
            for emotion in _LABELS.values()
        ),
    )
    return Expected(counts, tuple(utterance_id for utterance_id in wanted if utterance_id not in present))


def _write_sample(folder: Path, studio: Studio) -> None:
    """Both speakers, six words, seven emotions."""
    for actor, speaker in enumerate(("OAF", "YAF")):
        for word in ("back", "bar", "base", "bath", "bean", "beg"):
            for code, emotion in _LABELS.items():
                subfolder = f"{speaker}_{'pleasant_surprise' if code == 'ps' else code}"
                samples = studio.speak(f"Say the word {word}", actor, emotion)
                studio.write_sound(samples, folder / subfolder / f"{speaker}_{word}_{code}.wav", rate_hz=24_414)


CORPUS = CorpusReader(
    name="tess",
    title="TESS",
    licence="CC BY-NC-ND 4.0",
    url="https://doi.org/10.5683/SP2/E8H2MF",
    citation="Pichora-Fuller and Dupuis (2020)",
    language="en",
    labels=_LABELS,
    read=_read,
    expected=_expected,
    offers=reading.ACTED_COLUMNS | {"text"},
    sample=Sample(
        _write_sample,
        n_utterances=84,
        golden={
            "utterance_id": "tess/YAF_beg_ps", "speaker": "tess/YAF", "script": "tess/beg", "native_label": "ps",
            "emotion": "surprise", "text": "Say the word beg", "audio": "YAF_pleasant_surprise/YAF_beg_ps.wav",
            "sex": "female", "age": 26,
        },
    ),
    extra=pa.schema([("sex", pa.string()), ("age", pa.int64())]),
    max_duration_s=5.0,
)  # fmt: skip
