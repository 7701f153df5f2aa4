"""Stage speakers: tell speakers apart by their voices, within each video and across videos; off by default.

Speech is detected (Silero VAD), embedded (GE2E) and clustered by voice; turns that the captions mark (`>>`, dashes,
names) are constraints. A voice is `VIDEO#1`, `VIDEO#2` …, by speaking time. Similar voices of different videos are one
person: `speaker` is `interviews/` and the person's first voice, in the order of the videos' ids.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.captions import caption_turns
from tasks.core import paths, pipeline_file, tables
from tasks.core.config import INTERVIEWS, Config, Section
from tasks.core.each import Each, Work, collect, write_rejects
from tasks.core.errors import Rejected
from tasks.core.results import Reject, Result
from tasks.media.voices import diarisation, links, voice_codes
from tasks.media.voices.diarisation import Diarisation
from tasks.media.voices.hints import TurnHint
from tasks.media.voices.models import SpeechDetector, VoiceEncoder
from tasks.weights import store

DETECTOR, ENCODER = "silero-vad", "ge2e-speaker-encoder"
NO_SPEECH, NO_VOICE = "no speech", "no speech in the utterance"
LEAST_SHARE = 0.1
"""An utterance in which less than this share of the time is speech has no speaker."""

_real, _text, _whole = pa.float64(), pa.string(), pa.int64()
VOICES = pa.schema(
    [
        ("video_id", _text),
        ("duration_s", _real),
        (
            "voices",
            pa.list_(pa.struct([("name", _text), ("speech_s", _real), ("embedding", _text)])),
        ),
        ("turns", pa.list_(pa.struct([("start_s", _real), ("end_s", _real), ("voice", _whole)]))),
        ("utterances", pa.list_(pa.struct([("utterance_id", _text), ("voice", _whole), ("share", _real)]))),
    ]
)
"""Result of one video: its voices in order of speaking time, their turns, and the voice of each utterance."""


class VoiceModels(Section):
    """Digests of the models; their folders are not part of the cache key.

    Attributes:
        detector: SHA-256 of the model that detects speech
        encoder: SHA-256 of the model that embeds voices
    """

    detector: str
    encoder: str


@dataclass(frozen=True)
class SpokenRecording:
    """A video with its captions and the spans of its utterances; paths are relative to the media folder.

    Args:
        spans: id, start and end in seconds of each utterance, in order
    """

    id: str
    audio: str
    audio_sha256: str
    captions: str | None
    captions_sha256: str | None
    caption_format: str | None
    spans: tuple[tuple[str, float, float], ...]

    @property
    def content(self) -> str:
        """Digests of sound and captions, and the spans, for the cache key."""
        return json.dumps([self.audio_sha256, self.captions_sha256, self.caption_format, self.spans])


def speakers_one(item: SpokenRecording, settings: VoiceModels) -> Result:
    """Find the voices of one video.

    Args:
        item: the video
        settings: digests of the models

    Raises:
        Rejected: if nobody speaks in it
        InputError: if the models are not in the cache of weights
    """
    detector = SpeechDetector(store.folder(DETECTOR))
    encoder = VoiceEncoder(store.folder(ENCODER))
    diarised = diarisation.diarise(paths.MEDIA / item.audio, detector, encoder, marked_turns(item))
    if not diarised.turns:
        raise Rejected(NO_SPEECH, f"none in {diarised.duration_s:.0f} s of sound")
    return described(item, diarised)


def described(item: SpokenRecording, diarised: Diarisation) -> Result:
    """Return a video's row of `VOICES`, and the utterances without speech as rejects.

    Args:
        item: the video
        diarised: its turns
    """
    shares = [spoken_shares(start_s, end_s, diarised) for _, start_s, end_s in item.spans]
    utterances, rejects = [], []
    for (name, start_s, end_s), spoken_s in zip(item.spans, shares, strict=True):
        speech_s = float(spoken_s.sum())
        if speech_s < LEAST_SHARE * (end_s - start_s):
            rejects.append(Reject(name, NO_VOICE, f"{speech_s:.1f} of {end_s - start_s:.1f} s"))
            continue
        voice = int(spoken_s.argmax())
        share = round(float(spoken_s[voice]) / speech_s, 3)
        utterances.append({"utterance_id": name, "voice": voice, "share": share})
    row = {
        "video_id": item.id,
        "duration_s": round(diarised.duration_s, 3),
        "voices": [
            {"name": name or None, "speech_s": round(speech_s, 3), "embedding": voice_codes.encode(embedding)}
            for name, speech_s, embedding in zip(diarised.names, diarised.spoken_s, diarised.voices, strict=True)
        ],
        "turns": [
            {"start_s": round(turn.start_s, 3), "end_s": round(turn.end_s, 3), "voice": turn.voice}
            for turn in diarised.turns
        ],
        "utterances": utterances,
    }
    return Result(tables.from_rows([row], VOICES), tuple(rejects))


def spoken_shares(start_s: float, end_s: float, found: Diarisation) -> Any:
    """Return the seconds that each voice speaks within a span, shape (n_voices,).

    Args:
        start_s: start of the span
        end_s: end of the span
        found: turns of the video
    """
    seconds = np.zeros(len(found.voices))
    for turn in found.turns:
        seconds[turn.voice] += max(0.0, min(end_s, turn.end_s) - max(start_s, turn.start_s))
    return seconds


def marked_turns(item: SpokenRecording) -> list[TurnHint]:
    """Return the turns that a video's captions mark; none if it has no captions, or they cannot be read.

    Args:
        item: the video
    """
    if item.captions is None or item.caption_format is None:
        return []
    try:
        turns = caption_turns.read((paths.MEDIA / item.captions).read_bytes(), item.caption_format)
    except Rejected:
        # the stage captions rejects such a file; the sound still has voices
        return []
    return [TurnHint(turn.start_s, turn.end_s, turn.name) for turn in turns]


def run(config: Config, *, each: Each) -> None:
    """Write `speakers.parquet`, `turns.parquet`, `voices.parquet` and `rejected.parquet` in `data/speakers/`.

    Args:
        config: all settings; with `speakers.when: never` the tables have no rows
        each: maps `speakers_one` over the videos

    Raises:
        InputError: if the models are not in the cache of weights
    """
    result = Result(VOICES.empty_table())
    if config.speakers.when != "never":
        digests = [store.digest(store.folder(name) / "model.onnx").sha256 for name in (DETECTOR, ENCODER)]
        models = VoiceModels(detector=digests[0], encoder=digests[1])
        result = collect(each(Work("speakers", speakers_one, models, VOICES), list(_items())), VOICES)
    rows = result.rows.sort_by("video_id").to_pylist()
    voices = named(rows)
    for path, schema, content in (
        (paths.SPEAKER_VOICES, tables.SPEAKER_VOICES, voices),
        (paths.SPEAKER_TURNS, tables.SPEAKER_TURNS, list(_turns(rows, voices))),
        (paths.SPEAKER_OF, tables.SPEAKERS, list(_utterances(rows, voices))),
    ):
        tables.write(tables.from_rows(content, schema), path, schema)
    write_rejects("speakers", result.rejects)


def named(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the voices of all videos, rows of `SPEAKER_VOICES`, with the person of each.

    Args:
        rows: of `VOICES`, sorted by video
    """
    voices = [
        {
            "video_id": row["video_id"],
            "voice": f"{row['video_id']}#{number}",
            "name": voice["name"],
            "speech_s": voice["speech_s"],
            "speech_share": round(voice["speech_s"] / row["duration_s"], 4),
            "embedding": voice["embedding"] if voice["speech_s"] >= voice_codes.LEAST_SPEECH_S else None,
        }
        for row in rows
        for number, voice in enumerate(row["voices"], start=1)
    ]
    comparable = [voice for voice in voices if voice["embedding"]]
    embeddings = voice_codes.decode([voice["embedding"] for voice in comparable])
    persons = links.persons(embeddings, [voice["video_id"] for voice in comparable])
    first = dict[int, str]()
    for voice, person in zip(comparable, persons.tolist(), strict=True):
        voice["speaker"] = f"{INTERVIEWS}/{first.setdefault(person, voice['voice'])}"
    return [{"speaker": f"{INTERVIEWS}/{voice['voice']}", **voice} for voice in voices]


def _turns(rows: Sequence[dict[str, Any]], voices: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    speaker = {voice["voice"]: voice["speaker"] for voice in voices}
    for row in rows:
        for turn in row["turns"]:
            voice = f"{row['video_id']}#{turn['voice'] + 1}"
            yield {**turn, "video_id": row["video_id"], "voice": voice, "speaker": speaker[voice]}


def _utterances(rows: Sequence[dict[str, Any]], voices: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    by_voice = {voice["voice"]: voice for voice in voices}
    for row in rows:
        for utterance in row["utterances"]:
            voice = by_voice[f"{row['video_id']}#{utterance['voice'] + 1}"]
            yield {**utterance, "voice": voice["voice"], "speaker": voice["speaker"], "name": voice["name"]}


def _items() -> Iterator[SpokenRecording]:
    videos = {row["video_id"]: row for row in tables.read(paths.VIDEOS, tables.VIDEOS).to_pylist()}
    utterances = tables.read(pipeline_file.utterance_table(), tables.UTTERANCES).sort_by("utterance_id")
    rows = utterances.select(["utterance_id", "group", "start_s", "end_s"]).to_pylist()
    columns = ("audio", "audio_sha256", "captions", "captions_sha256", "caption_format")
    for video_id, members in groupby(rows, key=lambda row: row["group"]):
        spans = tuple((row["utterance_id"], row["start_s"], row["end_s"]) for row in members)
        yield SpokenRecording(id=video_id, spans=spans, **{name: videos[video_id][name] for name in columns})
