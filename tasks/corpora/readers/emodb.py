"""EmoDB: ten German actors, ten sentences, seven emotions; 535 clips.

Source: Burkhardt et al. (2005), "A database of German emotional speech", Interspeech; http://emodb.bilderbar.info.
Licence: free for research.
Layout: `03a01Wa.wav`: speaker 03, sentence a01, emotion W (Wut, anger), take a.

Known problems: the authors removed clips that listeners did not recognise, so speakers and classes are uneven.
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

_NAME = re.compile(r"(\d\d)([ab]\d\d)([A-Z])([a-z])")
_LABELS = {
    "N": "neutral", "F": "happiness", "T": "sadness", "W": "anger", "A": "fear", "E": "disgust", "L": "boredom",
}  # fmt: skip
_PEOPLE = {
    "03": ("male", 31), "08": ("female", 34), "09": ("female", 21), "10": ("male", 32), "11": ("male", 26),
    "12": ("male", 30), "13": ("female", 32), "14": ("female", 35), "15": ("male", 25), "16": ("female", 31),
}  # fmt: skip
_SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
_CLIPS = {"03": 49, "08": 58, "09": 43, "10": 38, "11": 55, "12": 35, "13": 61, "14": 69, "15": 56, "16": 71}
_PUBLISHED = {"W": 127, "L": 81, "E": 46, "A": 69, "F": 71, "T": 62, "N": 79}


def _read(folder: Path) -> ReaderOutput:
    """Read the clips anywhere below a folder, usually in `wav`."""
    return reading.without_duplicates(reading.read_clips(folder, _row))


def _row(stem: str, path: str) -> Row:
    if (match := _NAME.fullmatch(stem)) is None or match[1] not in _PEOPLE or match[2] not in _SENTENCES:
        raise Rejected("not a name of EmoDB's", f"{stem}: expected a name such as 03a01Wa")
    speaker, sentence, emotion, _ = match.groups()
    sex, age = _PEOPLE[speaker]
    return reading.acted_row(
        "emodb",
        stem,
        speaker,
        path,
        language="de",
        script=f"emodb/{sentence}",
        text=_SENTENCES[sentence],
        native_label=emotion,
        emotion=labels.emotion(_LABELS, emotion, path),
        licence="research",
        sex=sex,
        age=age,
    )


def _expected(rows: Sequence[Row]) -> Expected:
    by_code = reading.tally(rows, "native_label")
    by_class = [Count(f"{_LABELS[code]} ({code}), whole corpus", n, by_code[code]) for code, n in _PUBLISHED.items()]
    speakers = sorted(reading.tally(rows, "speaker").items())
    by_speaker = [Count(speaker, _CLIPS[speaker.removeprefix("emodb/")], n) for speaker, n in speakers]
    return Expected((Count("clips of the whole corpus", 535, len(rows)), *by_class, *by_speaker))


def _write_sample(folder: Path, studio: Studio) -> None:
    """Four speakers, two sentences, seven emotions."""
    texts = {"a01": "Der Lappen liegt auf dem Eisschrank", "b10": "Die wird auf dem Platz sein"}
    for speaker in ("03", "08", "09", "10"):
        for sentence, text in texts.items():
            for code, emotion in _LABELS.items():
                samples = studio.speak(text, int(speaker), emotion)
                studio.write_sound(samples, folder / f"wav/{speaker}{sentence}{code}a.wav")


CORPUS = CorpusReader(
    name="emodb",
    title="EmoDB",
    licence="free for research",
    url="http://emodb.bilderbar.info",
    citation="Burkhardt et al. (2005), Interspeech",
    language="de",
    labels=_LABELS,
    read=_read,
    expected=_expected,
    offers=reading.ACTED_COLUMNS | {"text"},
    sample=Sample(
        _write_sample,
        n_utterances=56,
        golden={
            "utterance_id": "emodb/09b10La", "speaker": "emodb/09", "emotion": "boredom", "sex": "female", "age": 21,
            "language": "de", "script": "emodb/b10",
        },
    ),
    extra=pa.schema([("sex", pa.string()), ("age", pa.int64())]),
    max_duration_s=12.0,
)  # fmt: skip
