"""RAVDESS: 24 North American actors, two sentences, spoken and sung; 7,356 files.

Livingstone and Russo (2018), "The Ryerson Audio-Visual Database of Emotional Speech and Song", PLoS ONE 13(5). From
https://zenodo.org/records/1188976; CC BY-NC-SA 4.0.

`Actor_12/03-01-06-01-02-01-12.wav`: modality (01 audio and video, 02 video, 03 audio), channel (01 speech, 02 song),
emotion, intensity (01 normal, 02 strong), statement, repetition, actor; odd actors are male.

Quirks: the audio-video files repeat the audio files' sound, so an utterance that is there in both is one row, with the
audio file as its sound and the other as its picture. A video-only file has no sound of its own: it is rejected, since
the audio-video file has the same picture. A few audio files are stereo. Actor 18 has no song. Neutral comes in normal
intensity only, and song without disgust and surprise. One pair of actor 7's happy clips is byte-identical.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from tasks.core.errors import Rejected
from tasks.corpora import labels
from tasks.corpora.readers import reading
from tasks.corpora.readers.reading import Corpus, Count, Expected, Reading, Row

_NAME = re.compile(r"(0[123])-(0[12])-(0\d)-(0[12])-(0[12])-(0[12])-(\d\d)")
_LABELS = {
    "01": "neutral", "02": "calm", "03": "happiness", "04": "sadness",
    "05": "anger", "06": "fear", "07": "disgust", "08": "surprise",
}  # fmt: skip
_STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
_VIDEO_ONLY, _AUDIO_ONLY = "02", "03"
_CHANNELS = {"01": "speech", "02": "song"}
_CLIPS = {"speech": 60, "song": 44}
_ACTORS = {"speech": 24, "song": 23}


def read(folder: Path) -> Reading:
    """Read the clips anywhere below a folder, usually in `Actor_01` to `Actor_24`."""
    found = reading.clips(folder, _row)
    merged: dict[str, Row] = {}
    again = []
    for row in found.rows:
        one, there = row["utterance_id"], merged.get(row["utterance_id"])
        if there is None:
            merged[one] = row
        elif there["audio_only"] != row["audio_only"]:
            sound, picture = (there, row) if there["audio_only"] else (row, there)
            merged[one] = {**sound, "video": picture["video"]}
        else:
            again.append(reading.again(row))
    rows = tuple({name: value for name, value in row.items() if name != "audio_only"} for row in merged.values())
    return Reading(rows, (*found.rejects, *again))


def _row(stem: str, where: str) -> Row:
    if (found := _NAME.fullmatch(stem)) is None:
        raise Rejected("not a name of RAVDESS's", f"{stem}: expected seven fields such as 03-01-06-01-02-01-12")
    modality, channel, emotion, intensity, statement, repetition, actor = found.groups()
    if modality == _VIDEO_ONLY:
        # "no sound" would be a fault of the file, and a whole corpus has 2,452 of these
        raise Rejected("video only", f"{stem}: modality 02 has no sound of its own")
    if not 1 <= int(actor) <= 24:
        raise Rejected("not a name of RAVDESS's", f"{stem}: actors are 01 to 24, found {actor}")
    return reading.acted(
        "ravdess",
        "-".join(found.groups()[1:]),
        actor,
        where,
        script=f"ravdess/statement-{statement}",
        text=_STATEMENTS[statement],
        native_label=emotion,
        emotion=labels.emotion(_LABELS, emotion, where),
        video=None if modality == _AUDIO_ONLY else where,
        licence="CC BY-NC-SA 4.0",
        channel=_CHANNELS[channel],
        intensity="strong" if intensity == "02" else "normal",
        repetition=int(repetition),
        sex="male" if int(actor) % 2 else "female",
        audio_only=modality == _AUDIO_ONLY,
    )


def _expected(rows: Sequence[Row]) -> Expected:
    counts, missing = [], []
    for channel, n in _CLIPS.items():
        mine = [row for row in rows if row["channel"] == channel]
        by_actor = reading.tally(mine, "speaker")
        by_class = reading.tally(mine, "native_label")
        if mine:
            counts.append(Count(f"{channel}: clips of the {len(by_actor)} actors here", n * len(by_actor), len(mine)))
            counts.append(Count(f"{channel}: actors of the whole corpus", _ACTORS[channel], len(by_actor)))
            counts += [
                Count(f"{channel}: {_LABELS[code]} of the actors here", n * len(by_actor), by_class[code])
                for code, n in _per_actor(channel).items()
            ]
        for actor in sorted(by_actor):
            there = {row["utterance_id"] for row in mine if row["speaker"] == actor}
            missing += [one for one in _all_of(actor.removeprefix("ravdess/"), channel) if one not in there]
    return Expected(tuple(counts), tuple(missing))


def _per_actor(channel: str) -> Counter[str]:
    return Counter(one.split("-")[1] for one in _all_of("01", channel))


def _all_of(actor: str, channel: str) -> list[str]:
    code = {name: code for code, name in _CHANNELS.items()}[channel]
    emotions = [one for one in _LABELS if channel == "speech" or one not in ("07", "08")]
    return [
        f"ravdess/{code}-{emotion}-{intensity}-{statement}-{repetition}-{actor}"
        for emotion in emotions
        for intensity in ("01", "02")
        if (emotion, intensity) != ("01", "02")
        for statement in _STATEMENTS
        for repetition in ("01", "02")
    ]


CORPUS = Corpus(
    name="ravdess",
    title="RAVDESS",
    licence="CC BY-NC-SA 4.0",
    url="https://zenodo.org/records/1188976",
    citation="Livingstone and Russo (2018), PLoS ONE 13(5)",
    language="en",
    labels=_LABELS,
    read=read,
    expected=_expected,
    extra=pa.schema(
        [("channel", pa.string()), ("intensity", pa.string()), ("repetition", pa.int64()), ("sex", pa.string())]
    ),
    max_duration_s=10.0,
)
