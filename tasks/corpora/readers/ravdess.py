"""RAVDESS: 24 North American actors, two sentences, spoken and sung; 7,356 files.

Source: Livingstone and Russo (2018), "The Ryerson Audio-Visual Database of Emotional Speech and Song", PLoS ONE 13(5);
https://zenodo.org/records/1188976. Licence: CC BY-NC-SA 4.0.
Layout: `Actor_12/03-01-06-01-02-01-12.wav`: modality (01 audio and video, 02 video, 03 audio), channel (01 speech, 02
song), emotion, intensity (01 normal, 02 strong), statement, repetition, actor; odd actors are male.

Known problems: the audio-video files repeat the audio files' sound, so an utterance present in both is one row, with
the audio file as `audio` and the other as `video`. A video-only file is rejected: its audio-video file has the same
picture. A few audio files are stereo. Actor 18 has no song. Neutral comes in normal intensity only; song lacks disgust
and surprise. One pair of actor 7's happy clips is byte-identical.
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
from tasks.corpora.readers.reading import CorpusReader, Count, Expected, ReaderOutput, Row, Sample, Studio

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


def _read(folder: Path) -> ReaderOutput:
    """Read the clips anywhere below a folder, usually in `Actor_01` to `Actor_24`."""
    output = reading.read_clips(folder, _row)
    merged: dict[str, Row] = {}
    duplicates = []
    for row in output.rows:
        utterance_id, earlier = row["utterance_id"], merged.get(row["utterance_id"])
        if earlier is None:
            merged[utterance_id] = row
        elif earlier["audio_only"] != row["audio_only"]:
            sound, film = (earlier, row) if earlier["audio_only"] else (row, earlier)
            merged[utterance_id] = {**sound, "video": film["video"]}
        else:
            duplicates.append(reading.duplicate(row))
    rows = tuple({name: value for name, value in row.items() if name != "audio_only"} for row in merged.values())
    return ReaderOutput(rows, (*output.rejects, *duplicates))


def _row(stem: str, path: str) -> Row:
    if (match := _NAME.fullmatch(stem)) is None:
        raise Rejected("not a name of RAVDESS's", f"{stem}: expected seven fields such as 03-01-06-01-02-01-12")
    modality, channel, emotion, intensity, statement, repetition, actor = match.groups()
    if modality == _VIDEO_ONLY:
        # not "no sound": that would be a fault of the file, and a whole corpus has 2,452 of these
        raise Rejected("video only", f"{stem}: modality 02 has no sound of its own")
    if not 1 <= int(actor) <= 24:
        raise Rejected("not a name of RAVDESS's", f"{stem}: actors are 01 to 24, found {actor}")
    return reading.acted_row(
        "ravdess",
        "-".join(match.groups()[1:]),
        actor,
        path,
        script=f"ravdess/statement-{statement}",
        text=_STATEMENTS[statement],
        native_label=emotion,
        emotion=labels.emotion(_LABELS, emotion, path),
        video=None if modality == _AUDIO_ONLY else path,
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
        clips = [row for row in rows if row["channel"] == channel]
        by_actor = reading.tally(clips, "speaker")
        by_class = reading.tally(clips, "native_label")
        if clips:
            counts.append(Count(f"{channel}: clips of the {len(by_actor)} actors here", n * len(by_actor), len(clips)))
            counts.append(Count(f"{channel}: actors of the whole corpus", _ACTORS[channel], len(by_actor)))
            per_actor = Counter(utterance_id.split("-")[1] for utterance_id in _all_ids("01", channel))
            counts += [
                Count(f"{channel}: {_LABELS[code]} of the actors here", n * len(by_actor), by_class[code])
                for code, n in per_actor.items()
            ]
        for actor in sorted(by_actor):
            present = {row["utterance_id"] for row in clips if row["speaker"] == actor}
            wanted = _all_ids(actor.removeprefix("ravdess/"), channel)
            missing += [utterance_id for utterance_id in wanted if utterance_id not in present]
    return Expected(tuple(counts), tuple(missing))


def _all_ids(actor: str, channel: str) -> list[str]:
    """Return the ids of all utterances of an actor in a channel."""
    number = {name: code for code, name in _CHANNELS.items()}[channel]
    emotions = [code for code in _LABELS if channel == "speech" or code not in ("07", "08")]
    return [
        f"ravdess/{number}-{emotion}-{intensity}-{statement}-{repetition}-{actor}"
        for emotion in emotions
        for intensity in ("01", "02")
        if (emotion, intensity) != ("01", "02")
        for statement in _STATEMENTS
        for repetition in ("01", "02")
    ]


def _write_sample(folder: Path, studio: Studio) -> None:
    """Four actors, the speech channel."""
    for actor in range(1, 5):
        for utterance_id in _all_ids(f"{actor:02d}", "speech"):
            name = utterance_id.removeprefix("ravdess/")
            _, code, intensity, statement, repetition, _ = name.split("-")
            samples = studio.speak(
                _STATEMENTS[statement],
                actor,
                _LABELS[code],
                take=10 * int(repetition) + int(intensity),
                strength=0.8 + 0.4 * (intensity == "02"),
            )
            studio.write_sound(samples, folder / f"Actor_{actor:02d}/{_AUDIO_ONLY}-{name}.wav", rate_hz=48_000)


CORPUS = CorpusReader(
    name="ravdess",
    title="RAVDESS",
    licence="CC BY-NC-SA 4.0",
    url="https://zenodo.org/records/1188976",
    citation="Livingstone and Russo (2018), PLoS ONE 13(5)",
    language="en",
    labels=_LABELS,
    read=_read,
    expected=_expected,
    offers=reading.ACTED_COLUMNS | {"text", "video"},
    sample=Sample(
        _write_sample,
        n_utterances=240,
        golden={
            "utterance_id": "ravdess/01-06-02-01-02-03", "speaker": "ravdess/03", "group": "ravdess/03",
            "script": "ravdess/statement-01", "audio": "Actor_03/03-01-06-02-01-02-03.wav", "native_label": "06",
            "emotion": "fear", "intensity": "strong", "repetition": 2, "sex": "male", "channel": "speech",
            "weight": 1.0,
        },
        lacks=frozenset({"video"}),
    ),
    extra=pa.schema(
        [("channel", pa.string()), ("intensity", pa.string()), ("repetition", pa.int64()), ("sex", pa.string())]
    ),
    max_duration_s=10.0,
)  # fmt: skip
