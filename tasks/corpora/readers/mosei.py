"""CMU-MOSEI: 23,453 spoken opinions of 1,000 YouTubers, rated for sentiment and six emotions at once.

Source: Zadeh et al. (2018), "Multimodal Language Analysis in the Wild: CMU-MOSEI Dataset", ACL;
http://multicomp.cs.cmu.edu/resources/cmu-mosei-dataset/. Licence: free for research.
Layout: sound is `videoid[3].wav`, `videoid_3.wav` or, as in MMSA, `Raw/videoid/3.wav` (a segment; also films), or
`videoid.wav` (the whole video, cut by the transcript's times).
Transcripts are `videoid.txt` with lines `id___k___start___end___text`; labels are in the SDK's `CMU_MOSEI_Labels.csd`
(HDF5: seven numbers per segment) or a CSV (`video_id, clip_id, text, label, mode`, with or without the emotions).

Known problems: a segment has several emotions, each from 0 to 3, and a sentiment from −3 to 3. `emotion` is the
single-label view: the only emotion above 0, neutral if there is none, null if there are several. `sentiment` is the
sign. Segments without a label are left out, and counts differ between papers. Official folds are the CSV's `mode`, or
lists of ids `train.txt`, `valid.txt`, `test.txt` in a folder `folds`.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from tasks.core import tables, text_files
from tasks.core.errors import InputError, Rejected
from tasks.core.results import Reject
from tasks.core.text_files import CsvTable
from tasks.corpora.readers import reading
from tasks.corpora.readers.reading import (
    CorpusReader,
    Count,
    Expected,
    NoCorpusFiles,
    ReaderOutput,
    Row,
    Sample,
    Studio,
)

_EMOTIONS = ("happiness", "sadness", "anger", "surprise", "disgust", "fear")
"""In the order of the SDK's labels, after the sentiment."""
_CSV_NAMES = {
    "happiness": ("happiness", "happy"), "sadness": ("sadness", "sad"), "anger": ("anger",), "surprise": ("surprise",),
    "disgust": ("disgust",), "fear": ("fear",),
}  # fmt: skip
_INTENSITIES = tuple(f"{name}_intensity" for name in _EMOTIONS)
_CUT = re.compile(r"(.+?)(?:\[([0-9]+)\]|_([0-9]+))")
_SPLITS = {"train": "train", "valid": "dev", "validation": "dev", "dev": "dev", "val": "dev", "test": "test"}
_GRID_S = 0.01
_SENTIMENT_RANGE, _EMOTION_RANGE = 3.0, 3.0


_Key = tuple[str, int]
"""A video's id and a segment's number in it."""
_Spoken = tuple[float, float, str]
"""Start and end of a segment in seconds, and its text."""


@dataclass(frozen=True)
class _Labels:
    sentiment: float
    emotions: tuple[float | None, ...]
    text: str | None = None
    split: str | None = None


def _read(folder: Path) -> ReaderOutput:
    """Read labels, transcripts and sound anywhere below a folder.

    Raises:
        InputError: if there are no labels, neither as .csd nor as CSV
    """
    reading.demand_folder(folder)
    spoken, rejects, repairs = _transcripts(folder), list[Reject](), Counter[str]()
    labels = _labels(folder, spoken, rejects)
    folds, clips = dict(_folds(folder)), _Clips(folder)
    rows = []
    for (video, number), ratings in sorted(labels.items()):
        try:
            row = _row((video, number), ratings, spoken.get((video, number)), clips)
            rows.append({**row, "split": row["split"] or folds.get(video)})
        except Rejected as error:
            rejects.append(Reject(f"{video}[{number}]", error.reason, error.detail))
        else:
            if cut := clips.of_segment(video, number):
                rejects += [reading.duplicate({**row, "audio": path}) for path in cut.copies]
    repairs["segments without a label"] = len(spoken.keys() - labels.keys())
    return ReaderOutput(tuple(rows), tuple(rejects), +repairs)


def _row(key: _Key, ratings: _Labels, spoken: _Spoken | None, clips: _Clips) -> Row:
    video, number = key
    segment = f"{video}[{number}]"
    if not -_SENTIMENT_RANGE <= ratings.sentiment <= _SENTIMENT_RANGE:
        raise Rejected("label out of range", f"{segment}: sentiment {ratings.sentiment}, expected -3 to 3")
    rated = [rating for rating in ratings.emotions if rating is not None]
    if any(not 0 <= rating <= _EMOTION_RANGE for rating in rated):
        raise Rejected("label out of range", f"{segment}: emotions {ratings.emotions}, expected 0 to 3")
    felt = [name for name, rating in zip(_EMOTIONS, ratings.emotions, strict=True) if rating]
    single = None if len(felt) > 1 or not rated else felt[0] if felt else "neutral"
    cut = clips.of_segment(video, number)
    whole = clips.of_video(video) if cut is None and spoken is not None else None
    start_s, end_s, text = spoken or (None, None, None)
    if start_s is not None and end_s is not None and end_s <= start_s:
        raise Rejected("broken timestamps", f"{segment}: {start_s} to {end_s} s")
    return {
        "utterance_id": f"mosei/{reading.slug(video)}-{number}",
        "corpus": "mosei",
        "language": "en",
        "group": f"mosei/{reading.slug(video)}",
        "turn": number,
        "audio": cut.audio if cut else whole,
        "video": cut.video if cut else None,
        "start_s": start_s if whole else None,
        "end_s": end_s if whole else None,
        "text": ratings.text or text,
        "text_source": "transcript" if ratings.text or text else None,
        "native_label": ", ".join(felt) or "none",
        "emotion": single,
        "sentiment": "negative" if ratings.sentiment < 0 else "positive" if ratings.sentiment > 0 else "neutral",
        "label_source": "listeners",
        "weight": 1.0,
        "split": ratings.split,
        "licence": "research",
        "sentiment_intensity": ratings.sentiment,
        **dict(zip(_INTENSITIES, ratings.emotions, strict=True)),
        "recording": f"mosei/{reading.slug(video)}" if spoken else None,
        "recording_start_s": start_s,
        "recording_end_s": end_s,
    }


def _transcripts(folder: Path) -> dict[_Key, _Spoken]:
    spoken = {}
    for path in sorted(folder.rglob("*.txt")):
        for line in text_files.read_bytes(path).decode("utf-8", errors="replace").splitlines():
            cells = line.split("___", 4)
            if len(cells) == 5:
                try:
                    start_s, end_s = text_files.number(cells[2]), text_files.number(cells[3])
                    spoken[cells[0], text_files.whole_number(cells[1])] = (start_s, end_s, cells[4].strip())
                except ValueError:
                    continue
    return spoken


def _labels(folder: Path, spoken: dict[_Key, _Spoken], rejects: list[Reject]) -> dict[_Key, _Labels]:
    for path in sorted(folder.rglob("*.csd")):
        return dict(_from_sdk(path, spoken, rejects))
    for path in sorted(folder.rglob("*.csv")):
        try:
            table = text_files.csv_table(text_files.read_text(path), path)
        except InputError as error:
            if {"video_id", "clip_id"} <= _first_line(path):
                raise InputError(f"{error}; fetch the file again, or take it out") from None
            # a table of something else
            continue
        names = {name.strip().lower() for name in table.names}
        if {"video_id", "clip_id"} <= names and names & {"label", "sentiment"}:
            return dict(_from_csv(table, reading.relative(path, folder), rejects))
    raise NoCorpusFiles(
        f"{folder}: no labels: expected the SDK's .csd, or a CSV with video_id, clip_id and label (or sentiment)"
    )


def _first_line(path: Path) -> set[str]:
    with path.open("rb") as file:
        return {name.strip().lower() for name in file.readline(10_000).decode("latin-1").split(",")}


def _from_sdk(path: Path, spoken: dict[_Key, _Spoken], rejects: list[Reject]) -> Iterator[tuple[_Key, _Labels]]:
    """Yield labels of `<name>/data/<video>/{features, intervals}`: a row per segment, matched by its times."""
    import h5py

    numbers = {(video, round(start / _GRID_S)): number for (video, number), (start, _, _) in spoken.items()}
    try:
        with h5py.File(path, "r") as file:
            data = next(iter(file.values()))["data"]
            for video in sorted(data):
                values, times = data[video]["features"][()], data[video]["intervals"][()]
                for row, (ratings, (start, _)) in enumerate(zip(values.tolist(), times.tolist(), strict=True)):
                    # without a transcript, a segment's number is its row
                    number = numbers.get((video, round(start / _GRID_S)), None if spoken else row)
                    if number is None:
                        rejects.append(Reject(f"{video} at {start:.2f} s", "label without a segment", path.name))
                    else:
                        yield (video, number), _Labels(ratings[0], tuple(ratings[1:7]))
    except (OSError, KeyError, StopIteration, ValueError, AttributeError) as error:
        raise InputError(f"{path}: not a file of the CMU SDK's ({error}); fetch it again") from None


def _from_csv(table: CsvTable, path: str, rejects: list[Reject]) -> Iterator[tuple[_Key, _Labels]]:
    for row in table.rows:
        cells = {name.strip().lower(): cell.strip() for name, cell in row.cells.items() if name}
        try:
            key = cells["video_id"], _clip(cells["clip_id"])
            sentiment = text_files.number(cells.get("label") or cells["sentiment"])
            emotions = tuple(_number(cells, names) for names in _CSV_NAMES.values())
        except (KeyError, ValueError) as error:
            rejects.append(Reject(f"{path}:{row.line}", "no number", str(error)))
            continue
        yield key, _Labels(sentiment, emotions, cells.get("text") or None, _SPLITS.get(cells.get("mode", "").lower()))


def _clip(cell: str) -> int:
    """Return the number of a segment; spreadsheets write whole numbers as `3.0`, too."""
    return text_files.whole_number(re.sub(r"\.0+$", "", cell.strip()))


def _number(cells: dict[str, str], names: Sequence[str]) -> float | None:
    return next((text_files.number(cells[name]) for name in names if cells.get(name)), None)


def _folds(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("folds/*.txt")):
        if split := _SPLITS.get(path.stem.lower()):
            for line in text_files.read_bytes(path).decode("utf-8", errors="replace").split():
                yield line, split


class _Clips:
    """The media files of a folder, by segment and by video.

    A video's id may end in `_` and digits too: so files are looked up for the segments that have labels, and a file may
    be listed under several.
    """

    def __init__(self, folder: Path) -> None:
        self._segments: dict[_Key, list[str]] = defaultdict(list)
        self._videos: dict[str, str] = {}
        for path in reading.media(folder):
            item = reading.relative(path, folder)
            self._videos.setdefault(path.stem, item)
            if cut := _CUT.fullmatch(path.stem):
                self._segments[cut[1], int(cut[2] or cut[3])].append(item)
            # MMSA's layout: a folder for each video
            if re.fullmatch(r"[0-9]{1,9}", path.stem):
                self._segments[path.parent.name, int(path.stem)].append(item)

    def of_segment(self, video: str, number: int) -> reading.ClipFiles | None:
        """Return the files that hold one segment."""
        paths = self._segments.get((video, number))
        return reading.clip_files(paths) if paths else None

    def of_video(self, video: str) -> str | None:
        """Return the file that holds a whole video."""
        return self._videos.get(video)


def _expected(rows: Sequence[Row]) -> Expected:
    counts = [Count("segments with labels (papers count 22,777 to 23,453)", 23_453, len(rows))]
    counts += [Count("videos (papers count 3,228 to 3,837)", 3228, len(reading.tally(rows, "group")))]
    with_sound = any(row["audio"] for row in rows)
    missing = [row["utterance_id"] for row in rows if row["audio"] is None] if with_sound else []
    return Expected(tuple(counts), tuple(missing))


def _write_sample(folder: Path, studio: Studio) -> None:
    """Six monologues of three segments: whole recordings, transcripts, labels as HDF5, folds."""
    import numpy as np

    labels: dict[str, tuple[list[list[float]], list[list[float]]]] = {}
    for number in range(6):
        video, clock_s, pieces, lines = f"vid-{number}aB", 0.0, [], []
        features: list[list[float]] = []
        intervals: list[list[float]] = []
        for turn in range(3):
            emotion = _EMOTIONS[(number + turn) % 6] if turn else "neutral"
            text = studio.sentence(emotion)
            samples = studio.speak(text, 120 + number, emotion)
            end_s = clock_s + samples.size / studio.rate_hz
            lines.append(f"{video}___{turn}___{clock_s:.3f}___{end_s:.3f}___{text}")
            sentiment = {"positive": 1.0, "neutral": 0.0, "negative": -2.0}[studio.sentiment(emotion)]
            features.append([sentiment, *(float(name == emotion) for name in _EMOTIONS)])
            intervals.append([round(clock_s, 3), round(end_s, 3)])
            pieces.append(samples)
            clock_s = end_s
        studio.write_sound(np.concatenate(pieces), folder / "Audio" / f"{video}.wav")
        tables.write_text(folder / "Transcript" / f"{video}.txt", "\n".join(lines) + "\n")
        labels[video] = (features, intervals)
    for fold, videos in {"train": range(4), "valid": range(4, 5), "test": range(5, 6)}.items():
        tables.write_text(folder / "folds" / f"{fold}.txt", "".join(f"vid-{number}aB\n" for number in videos))
    _write_sdk_labels(folder / "CMU_MOSEI_Labels.csd", labels)


def _write_sdk_labels(path: Path, labels: dict[str, tuple[list[list[float]], list[list[float]]]]) -> None:
    import h5py
    import numpy as np

    with tables.whole(path) as part, h5py.File(part, "w", track_order=True) as file:
        data = file.create_group("All Labels").create_group("data")
        for video, (features, intervals) in labels.items():
            group = data.create_group(video)
            group.create_dataset("features", data=np.array(features), track_times=False)
            group.create_dataset("intervals", data=np.array(intervals), track_times=False)


CORPUS = CorpusReader(
    name="mosei",
    title="CMU-MOSEI",
    licence="free for research",
    url="http://multicomp.cs.cmu.edu/resources/cmu-mosei-dataset/",
    citation="Zadeh et al. (2018), ACL",
    language="en",
    labels={name: name for name in (*_EMOTIONS, "neutral")},
    read=_read,
    expected=_expected,
    offers=frozenset(
        {"emotion", "sentiment", "group", "split", "text", "audio", "sentiment_intensity", *_INTENSITIES}
    ),
    sample=Sample(
        _write_sample,
        n_utterances=18,
        golden={
            "utterance_id": "mosei/vid-4aB-1", "group": "mosei/vid-4aB", "speaker": None, "split": "dev", "turn": 1,
            "emotion": "fear", "sentiment": "negative", "sentiment_intensity": -2.0, "fear_intensity": 1.0,
            "anger_intensity": 0.0, "audio": "Audio/vid-4aB.wav",
        },
    ),
    extra=pa.schema(
        [
            *((name, pa.float64()) for name in ("sentiment_intensity", *_INTENSITIES)),
            ("recording", pa.string()),
            ("recording_start_s", pa.float64()),
            ("recording_end_s", pa.float64()),
        ]
    ),
    looks_for="VIDEO[N], VIDEO_N or VIDEO/N (.wav, .mp4 …) for segments; VIDEO (.wav, .mp4 …) with transcripts",
    max_duration_s=60.0,
)  # fmt: skip
