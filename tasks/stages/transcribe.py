"""Stage transcribe: recognise speech, of videos without captions or of all; compare it with manual captions.

Off by default. Two cached steps: the words of each video, and their errors against its manual captions.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.captions import caption_file, recognition, recognition_model
from tasks.captions.recognition import IMPROBABLE, NOTHING_LEFT, REPEATED, RecognitionRules
from tasks.core import code_version, paths, tables
from tasks.core.config import Config, Section, Transcribe
from tasks.core.each import Each, Work, collect, write_rejects
from tasks.core.errors import Rejected
from tasks.core.item_files import ItemFile, digested
from tasks.core.results import Reject, Result
from tasks.text import word_errors
from tasks.weights import store

OTHER_LANGUAGE = "another language"
_MAX_DETAIL = 300
_WORD = pa.struct([tables.WORDS.field(name) for name in ("passage", "text", "start_s", "end_s", "probability")])
_BEFORE_COMPARISON = tables.RECOGNISED.names[: tables.RECOGNISED.names.index("n_reference_words")]
TRANSCRIPTS = pa.schema([*map(tables.RECOGNISED.field, _BEFORE_COMPARISON), ("words", pa.list_(_WORD))])
"""One row per video: what is known without its captions, and its words."""
ERRORS = pa.schema([tables.RECOGNISED.field(name) for name in ("video_id", "n_reference_words", "n_errors")])


@dataclass(frozen=True)
class HeardVideo:
    """A video, its decoded sound (relative to the media folder), and the model.

    Args:
        id: the video's id
        audio: name of the file
        audio_sha256: of the file
        weights: folder of the model
        weights_sha256: of its weights
    """

    id: str
    audio: str
    audio_sha256: str
    weights: Path
    weights_sha256: str

    @property
    def content(self) -> str:
        """Digests of the sound and the weights: neither name decides the words."""
        return json.dumps([self.audio_sha256, self.weights_sha256])

    def reads(self) -> tuple[ItemFile, ...]:
        """Return the sound and the model's files."""
        return (ItemFile(paths.MEDIA / self.audio, self.audio_sha256), *digested(sorted(self.weights.iterdir())))


@dataclass(frozen=True)
class ComparedVideo:
    """A video with manual captions, and its recognised text."""

    id: str
    captions: str
    caption_format: str
    captions_sha256: str
    text: str

    @property
    def content(self) -> str:
        """The captions' digest and format, and the text."""
        return json.dumps([self.captions_sha256, self.caption_format, self.text])

    def reads(self) -> tuple[ItemFile, ...]:
        """Return the captions."""
        return (ItemFile(paths.MEDIA / self.captions, self.captions_sha256),)


def transcribe_one(item: HeardVideo, rules: RecognitionRules) -> Result:
    """Recognise the speech of one video.

    Args:
        item: the video
        rules: the language, and which passages are dropped

    Raises:
        Rejected: if there is no speech in it
    """
    recogniser = recognition_model.load(paths.local(item.weights), rules.beam, rules.least_speech)
    speech = recognition.recognise(paths.MEDIA / item.audio, recogniser, rules)
    rejects = [
        Reject(f"{item.id}/passage-{number:04d}", dropped.reason, _described(dropped.passage))
        for number, dropped in enumerate(speech.dropped)
    ]
    words = [
        {**vars(word), "passage": number} for number, passage in enumerate(speech.passages) for word in passage.words
    ]
    if not words:
        rejects.append(Reject(item.id, NOTHING_LEFT, f"{len(speech.dropped)} passages in {speech.speech_s:.1f} s"))
        return Result(TRANSCRIPTS.empty_table(), tuple(rejects))
    reasons = Counter(dropped.reason for dropped in speech.dropped)
    row = {
        "video_id": item.id,
        "language": speech.language,
        "language_probability": speech.language_probability,
        "speech_s": speech.speech_s,
        "n_words": len(words),
        "n_passages": len(speech.passages),
        "n_repeated": reasons[REPEATED],
        "n_improbable": reasons[IMPROBABLE],
        "words": words,
    }
    return Result(tables.from_rows([row], TRANSCRIPTS), tuple(rejects))


def compare_one(item: ComparedVideo, _: Section) -> Result:
    """Count the word errors of a video's recognised text against its captions.

    Args:
        item: the video

    Raises:
        Rejected: if the captions cannot be read, or have no word
    """
    content = (paths.MEDIA / item.captions).read_bytes()
    captions = caption_file.read(content, item.caption_format, None, 0.0, by_word=False)
    reference = word_errors.normalised(" ".join(span.text for span in captions.spoken))
    if not reference:
        raise Rejected("no words in the captions", "there is nothing to compare recognised words with")
    errors = word_errors.n_errors(reference, word_errors.normalised(item.text))
    row = {"video_id": item.id, "n_reference_words": len(reference), "n_errors": errors}
    return Result(tables.from_rows([row], ERRORS))


def run(config: Config, *, each: Each) -> None:
    """Write `words.parquet`, `videos.parquet` and `rejected.parquet` in `data/transcribe/`; all empty if it is off.

    Args:
        config: all settings; `transcribe.when` chooses the videos, `crawl.languages` the languages that are used
        each: maps `transcribe_one` and `compare_one` over the videos

    Raises:
        InputError: if there is something to recognise, and faster-whisper or the weights are missing
    """
    videos = {row["video_id"]: row for row in tables.read(paths.VIDEOS, tables.VIDEOS).sort_by("video_id").to_pylist()}
    items = _items(list(videos.values()), config.transcribe)
    rules = RecognitionRules.of(config.transcribe)
    transcripts = collect(each(_work(rules), items), TRANSCRIPTS)
    rows, rejects = _in_wanted_languages(transcripts.rows.to_pylist(), config.crawl.languages)
    compared = [
        _compared(videos[row["video_id"]], row) for row in rows if videos[row["video_id"]]["caption_kind"] == "manual"
    ]
    comparing = Work("transcribe", compare_one, Section(), ERRORS, reads=ComparedVideo.reads)
    errors = collect(each(comparing, compared), ERRORS)
    by_video = {row["video_id"]: row for row in errors.rows.to_pylist()}
    summaries = [_with_error_rate({**row, **by_video.get(row["video_id"], {})}) for row in rows]
    words = [
        {**word, "video_id": row["video_id"], "language": row["language"]} for row in rows for word in row["words"]
    ]
    tables.write(tables.from_rows(words, tables.WORDS), paths.WORDS, tables.WORDS)
    tables.write(tables.from_rows(summaries, tables.RECOGNISED), paths.RECOGNISED, tables.RECOGNISED)
    write_rejects("transcribe", [*transcripts.rejects, *rejects, *errors.rejects])


def _work(rules: RecognitionRules) -> Work:
    # recognition takes hours: an edit of the parsers of captions, which `compare_one` uses, must not repeat it
    code = code_version.version(__name__, without=frozenset({caption_file.__name__}))
    return Work("transcribe", transcribe_one, rules, TRANSCRIPTS, version=code, reads=HeardVideo.reads)


def _items(videos: Sequence[Mapping[str, Any]], settings: Transcribe) -> list[HeardVideo]:
    chosen = [row for row in videos if settings.when == "always" or (settings.is_on and row["captions"] is None)]
    if not chosen:
        return []
    folder = weights_folder(settings.model)
    digest = store.digest(folder / recognition_model.WEIGHTS).sha256
    return [HeardVideo(row["video_id"], row["audio"], row["audio_sha256"], folder, digest) for row in chosen]


def weights_folder(model: str) -> Path:
    """Return the folder of a recogniser's weights.

    Args:
        model: a name in the cache of weights, or a folder

    Raises:
        InputError: if it is not there or incomplete, or faster-whisper is not installed
    """
    folder = Path(model).expanduser()
    folder = folder.absolute() if folder.is_dir() else store.folder(model)
    recognition_model.demand(folder)
    return folder


def _in_wanted_languages(
    rows: Sequence[dict[str, Any]], wanted: Sequence[str]
) -> tuple[list[dict[str, Any]], list[Reject]]:
    """Separate the videos whose language the lists of captions would not have had, either."""
    codes = {entry.replace("_", "-").partition("-")[0].partition(".")[0].lower() for entry in wanted}
    kept, rejects = list[dict[str, Any]](), list[Reject]()
    for row in rows:
        # an empty code is that of a pattern such as .*
        if row["language"] in codes or "" in codes:
            kept.append(row)
        else:
            probability = row["language_probability"]
            certainty = "" if probability is None else f" with a probability of {probability:.2f}"
            detail = f"found {row['language']}{certainty}; crawl.languages has {', '.join(wanted)}"
            rejects.append(Reject(row["video_id"], OTHER_LANGUAGE, detail))
    return kept, rejects


def _compared(video: Mapping[str, Any], row: Mapping[str, Any]) -> ComparedVideo:
    text = " ".join(word["text"] for word in row["words"])
    return ComparedVideo(video["video_id"], video["captions"], video["caption_format"], video["captions_sha256"], text)


def _with_error_rate(row: dict[str, Any]) -> dict[str, Any]:
    errors = row.get("n_errors")
    rate = None if errors is None else errors / row["n_reference_words"]
    return {**{name: row.get(name) for name in tables.RECOGNISED.names}, "word_error_rate": rate}


def _described(passage: recognition.Passage) -> str:
    where = f"{passage.words[0].start_s:.2f} to {passage.words[-1].end_s:.2f} s"
    about = f"log probability {passage.log_probability:.2f}, compression {passage.compression:.1f}"
    return f"{where}, {about}: {passage.text}"[:_MAX_DETAIL]
