"""CMU-MOSEI: 23,453 spoken opinions of 1,000 YouTubers, rated for sentiment and six emotions at once.

Zadeh et al. (2018), "Multimodal Language Analysis in the Wild: CMU-MOSEI Dataset", ACL. From
http://multicomp.cs.cmu.edu/resources/cmu-mosei-dataset/; free for research. Sound is `videoid[3].wav` (cut), or
`videoid.wav` (whole, cut here by the transcript's times). Transcripts are `videoid.txt` with lines
`id___k___start___end___text`; labels come from the SDK's `CMU_MOSEI_Labels.csd` (HDF5: seven numbers a segment) or from
a CSV (`video_id, clip_id, text, label, mode`, with or without the emotions).

Quirks: several emotions at once, each from 0 to 3, sentiment from −3 to 3. `emotion` is the single-label view: the only
emotion above 0, neutral if there is none, nothing if there are several. `sentiment` is the sign. Segments without a
label are left out, and counts differ from paper to paper. Official folds come from the CSV's `mode`, or from lists of
ids `train.txt`, `valid.txt`, `test.txt` in a folder `folds`.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.core.errors import InputError, Rejected
from tasks.core.memo import Reject
from tasks.corpora.readers import reading
from tasks.corpora.readers.reading import Corpus, Count, Expected, Reading, Row

_EMOTIONS = ("happiness", "sadness", "anger", "surprise", "disgust", "fear")
"""In the order of the SDK's labels, after the sentiment."""
_CSV_NAMES = {
    "happiness": ("happiness", "happy"), "sadness": ("sadness", "sad"), "anger": ("anger",), "surprise": ("surprise",),
    "disgust": ("disgust",), "fear": ("fear",),
}  # fmt: skip
_INTENSITIES = tuple(f"{name}_intensity" for name in _EMOTIONS)
_CUT = re.compile(r"(.+?)(?:\[(\d+)\]|_(\d+))")
_SPLITS = {"train": "train", "valid": "dev", "validation": "dev", "dev": "dev", "val": "dev", "test": "test"}
_GRID_S = 0.01
_SENTIMENT_RANGE, _EMOTION_RANGE = 3.0, 3.0


@dataclass(frozen=True)
class _Labels:
    sentiment: float
    emotions: tuple[float | None, ...]
    text: str | None = None
    split: str | None = None


def read(folder: Path) -> Reading:
    """Read labels, transcripts and sound anywhere below a folder.

    Raises:
        InputError: if there are no labels, neither as .csd nor as CSV
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; a corpus is a folder in its native layout")
    spoken, rejects, repairs = _transcripts(folder), list[Reject](), Counter[str]()
    labels = _labels(folder, spoken, rejects)
    folds, sounds = dict(_folds(folder)), _sounds(folder)
    rows = []
    for (video, number), found in sorted(labels.items()):
        try:
            row = _row((video, number), found, spoken.get((video, number)), sounds)
            rows.append({**row, "split": row["split"] or folds.get(video)})
        except Rejected as error:
            rejects.append(Reject(f"{video}[{number}]", error.reason, error.detail))
    repairs["segments without a label"] = len(spoken.keys() - labels.keys())
    return Reading(tuple(rows), tuple(rejects), +repairs)


Key = tuple[str, int]
Spoken = tuple[float, float, str]


def _row(key: Key, found: _Labels, spoken: Spoken | None, sounds: dict[Any, str]) -> Row:
    video, number = key
    where = f"{video}[{number}]"
    if not -_SENTIMENT_RANGE <= found.sentiment <= _SENTIMENT_RANGE:
        raise Rejected("label out of range", f"{where}: sentiment {found.sentiment}, expected -3 to 3")
    known = [one for one in found.emotions if one is not None]
    if any(not 0 <= one <= _EMOTION_RANGE for one in known):
        raise Rejected("label out of range", f"{where}: emotions {found.emotions}, expected 0 to 3")
    felt = [name for name, value in zip(_EMOTIONS, found.emotions, strict=True) if value]
    single = None if len(felt) > 1 or not known else felt[0] if felt else "neutral"
    cut = sounds.get((video, number))
    whole = sounds.get(video) if cut is None and spoken is not None else None
    start_s, end_s, text = spoken or (None, None, None)
    if start_s is not None and end_s is not None and end_s <= start_s:
        raise Rejected("broken timestamps", f"{where}: {start_s} to {end_s} s")
    return {
        "utterance_id": f"mosei/{reading.slug(video)}-{number}",
        "corpus": "mosei",
        "language": "en",
        "group": f"mosei/{reading.slug(video)}",
        "turn": number,
        "audio": cut or whole,
        "start_s": start_s if whole else None,
        "end_s": end_s if whole else None,
        "text": found.text or text,
        "text_source": "transcript" if found.text or text else None,
        "native_label": ", ".join(felt) or "none",
        "emotion": single,
        "sentiment": "negative" if found.sentiment < 0 else "positive" if found.sentiment > 0 else "neutral",
        "label_source": "listeners",
        "weight": 1.0,
        "split": found.split,
        "licence": "research",
        "sentiment_intensity": found.sentiment,
        **dict(zip(_INTENSITIES, found.emotions, strict=True)),
        "recording": f"mosei/{reading.slug(video)}" if spoken else None,
        "recording_start_s": start_s,
        "recording_end_s": end_s,
    }


def _transcripts(folder: Path) -> dict[Key, Spoken]:
    found = {}
    for path in sorted(folder.rglob("*.txt")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            cells = line.split("___", 4)
            if len(cells) == 5 and cells[1].isdigit():
                try:
                    found[cells[0], int(cells[1])] = (float(cells[2]), float(cells[3]), cells[4].strip())
                except ValueError:
                    continue
    return found


def _labels(folder: Path, spoken: dict[Key, Spoken], rejects: list[Reject]) -> dict[Key, _Labels]:
    for path in sorted(folder.rglob("*.csd")):
        return dict(_from_sdk(path, spoken, rejects))
    for path in sorted(folder.rglob("*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            names = {name.strip().lower() for name in table.fieldnames or ()}
            if {"video_id", "clip_id"} <= names and names & {"label", "sentiment"}:
                return dict(_from_csv(table, reading.relative(path, folder), rejects))
    raise InputError(
        f"{folder}: no labels: expected the SDK's .csd, or a CSV with video_id, clip_id and label (or sentiment)"
    )


def _from_sdk(path: Path, spoken: dict[Key, Spoken], rejects: list[Reject]) -> Iterator[tuple[Key, _Labels]]:
    """Yield labels of `<name>/data/<video>/{features, intervals}`: a row a segment, matched by its times."""
    import h5py

    places = {(video, round(start / _GRID_S)): number for (video, number), (start, _, _) in spoken.items()}
    try:
        with h5py.File(path, "r") as file:
            data = next(iter(file.values()))["data"]
            for video in sorted(data):
                values, times = data[video]["features"][()], data[video]["intervals"][()]
                for row, (numbers, (start, _)) in enumerate(zip(values.tolist(), times.tolist(), strict=True)):
                    # without a transcript the segments are in order, and numbered so
                    number = places.get((video, round(start / _GRID_S)), None if spoken else row)
                    if number is None:
                        rejects.append(Reject(f"{video} at {start:.2f} s", "label without a segment", path.name))
                    else:
                        yield (video, number), _Labels(numbers[0], tuple(numbers[1:7]))
    except (OSError, KeyError, StopIteration, ValueError, AttributeError) as error:
        raise InputError(f"{path}: not a file of the CMU SDK's ({error}); fetch it again") from None


def _from_csv(table: Any, where: str, rejects: list[Reject]) -> Iterator[tuple[Key, _Labels]]:
    for raw in table:
        cells = {(name or "").strip().lower(): (value or "").strip() for name, value in raw.items() if name}
        try:
            key = cells["video_id"], int(float(cells["clip_id"]))
            sentiment = float(cells.get("label") or cells["sentiment"])
            emotions = tuple(_number(cells, names) for names in _CSV_NAMES.values())
        except (KeyError, ValueError) as error:
            rejects.append(Reject(f"{where}:{table.line_num}", "no number", str(error)))
            continue
        yield key, _Labels(sentiment, emotions, cells.get("text") or None, _SPLITS.get(cells.get("mode", "").lower()))


def _number(cells: dict[str, str], names: Sequence[str]) -> float | None:
    return next((float(cells[name]) for name in names if cells.get(name)), None)


def _folds(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("folds/*.txt")):
        if split := _SPLITS.get(path.stem.lower()):
            for line in path.read_text(encoding="utf-8").split():
                yield line, split


def _sounds(folder: Path) -> dict[Any, str]:
    """Return paths by (video, number) for cut clips, and by video for whole recordings."""
    found: dict[Any, str] = {}
    for path in reading.media(folder):
        where = reading.relative(path, folder)
        found.setdefault(path.stem, where)
        # a video's id may end in _ and digits too: a cut clip is only looked up where there are labels of that number
        if cut := _CUT.fullmatch(path.stem):
            found.setdefault((cut[1], int(cut[2] or cut[3])), where)
    return found


def _expected(rows: Sequence[Row]) -> Expected:
    counts = [Count("segments with labels (papers count 22,777 to 23,453)", 23_453, len(rows))]
    counts += [Count("videos (papers count 3,228 to 3,837)", 3228, len(reading.tally(rows, "group")))]
    with_sound = any(row["audio"] for row in rows)
    missing = [row["utterance_id"] for row in rows if row["audio"] is None] if with_sound else []
    return Expected(tuple(counts), tuple(missing))


CORPUS = Corpus(
    name="mosei",
    title="CMU-MOSEI",
    licence="free for research",
    url="http://multicomp.cs.cmu.edu/resources/cmu-mosei-dataset/",
    citation="Zadeh et al. (2018), ACL",
    language="en",
    labels={name: name for name in (*_EMOTIONS, "neutral")},
    read=read,
    expected=_expected,
    extra=pa.schema(
        [
            *((name, pa.float64()) for name in ("sentiment_intensity", *_INTENSITIES)),
            ("recording", pa.string()),
            ("recording_start_s", pa.float64()),
            ("recording_end_s", pa.float64()),
        ]
    ),
    max_duration_s=60.0,
)
