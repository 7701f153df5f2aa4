"""SAVEE: four British men, 15 sentences an emotion, seven emotions; 480 clips.

Haq and Jackson (2010), "Multimodal Emotion Recognition", in Machine Audition, IGI Global. From
http://kahlan.eps.surrey.ac.uk/savee/; free for research. `DC_a01.wav`, or `DC/a01.wav`: speaker, emotion, sentence.

Quirks: there are twice as many neutral clips as of any emotion. Sentences are numbered anew for every emotion, so the
script here is emotion and number together; a few sentences are common to all emotions, which the names don't tell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tasks.core.errors import Rejected
from tasks.corpora import labels
from tasks.corpora.readers import reading
from tasks.corpora.readers.reading import Corpus, Count, Expected, Reading, Row

_NAME = re.compile(r"(DC|JE|JK|KL)[_/](sa|su|[a-z])(\d\d)")
_LABELS = {
    "n": "neutral", "h": "happiness", "sa": "sadness", "a": "anger", "f": "fear", "d": "disgust", "su": "surprise",
}  # fmt: skip


def read(folder: Path) -> Reading:
    """Read the clips anywhere below a folder; the speaker is in the name, or is the folder's name."""
    return reading.unrepeated(reading.clips(folder, _row))


def _row(stem: str, where: str) -> Row:
    parent = Path(where).parent.name
    if (found := _NAME.fullmatch(stem) or _NAME.fullmatch(f"{parent}/{stem}")) is None:
        raise Rejected("not a name of SAVEE's", f"{where}: expected a name such as DC_a01 or DC/a01")
    speaker, emotion, number = found.groups()
    return reading.acted(
        "savee",
        f"{speaker}_{emotion}{number}",
        speaker,
        where,
        script=f"savee/{emotion}{number}",
        native_label=emotion,
        emotion=labels.emotion(_LABELS, emotion, where),
        licence="research",
    )


def _expected(rows: Sequence[Row]) -> Expected:
    by_class = reading.tally(rows, "native_label")
    by_speaker = reading.tally(rows, "speaker")
    here = len(by_speaker)
    counts = [Count("clips of the whole corpus", 480, len(rows)), Count("speakers of the whole corpus", 4, here)]
    counts += [
        Count(f"{emotion} of the {here} speakers here", (30 if code == "n" else 15) * here, by_class[code])
        for code, emotion in _LABELS.items()
    ]
    counts += [Count(speaker, 120, n) for speaker, n in sorted(by_speaker.items())]
    # what one speaker says all of them say
    said = {row["script"].removeprefix("savee/") for row in rows}
    there = {row["utterance_id"] for row in rows}
    everything = sorted(f"{speaker}_{one}" for speaker in by_speaker for one in said)
    return Expected(tuple(counts), tuple(one for one in everything if one not in there))


CORPUS = Corpus(
    name="savee",
    title="SAVEE",
    licence="free for research",
    url="http://kahlan.eps.surrey.ac.uk/savee/",
    citation="Haq and Jackson (2010), IGI Global",
    language="en",
    labels=_LABELS,
    read=read,
    expected=_expected,
    max_duration_s=12.0,
)
