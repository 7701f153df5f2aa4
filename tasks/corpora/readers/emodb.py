"""EmoDB: ten German actors, ten sentences, seven emotions; 535 clips.

Burkhardt et al. (2005), "A database of German emotional speech", Interspeech. From http://emodb.bilderbar.info; free
for research. `03a01Wa.wav`: speaker 03, sentence a01, emotion W (Wut, anger), take a.

Quirks: clips that listeners did not recognise were taken out by the authors, so speakers and classes are uneven.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from tasks.core.errors import Rejected
from tasks.corpora import labels
from tasks.corpora.readers import reading
from tasks.corpora.readers.reading import Corpus, Count, Expected, Reading, Row

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


def read(folder: Path) -> Reading:
    """Read the clips anywhere below a folder, usually in `wav`."""
    return reading.unrepeated(reading.clips(folder, _row))


def _row(stem: str, where: str) -> Row:
    if (found := _NAME.fullmatch(stem)) is None or found[1] not in _PEOPLE or found[2] not in _SENTENCES:
        raise Rejected("not a name of EmoDB's", f"{stem}: expected a name such as 03a01Wa")
    speaker, sentence, emotion, _ = found.groups()
    sex, age = _PEOPLE[speaker]
    return reading.acted(
        "emodb",
        stem,
        speaker,
        where,
        language="de",
        script=f"emodb/{sentence}",
        text=_SENTENCES[sentence],
        native_label=emotion,
        emotion=labels.emotion(_LABELS, emotion, where),
        licence="research",
        sex=sex,
        age=age,
    )


def _expected(rows: Sequence[Row]) -> Expected:
    there = reading.tally(rows, "native_label")
    by_class = [Count(f"{_LABELS[code]} ({code}), whole corpus", n, there[code]) for code, n in _PUBLISHED.items()]
    by_speaker = sorted(reading.tally(rows, "speaker").items())
    here = [Count(speaker, _CLIPS[speaker.removeprefix("emodb/")], n) for speaker, n in by_speaker]
    return Expected((Count("clips of the whole corpus", 535, len(rows)), *by_class, *here))


CORPUS = Corpus(
    name="emodb",
    title="EmoDB",
    licence="free for research",
    url="http://emodb.bilderbar.info",
    citation="Burkhardt et al. (2005), Interspeech",
    language="de",
    labels=_LABELS,
    read=read,
    expected=_expected,
    extra=pa.schema([("sex", pa.string()), ("age", pa.int64())]),
    max_duration_s=12.0,
)
