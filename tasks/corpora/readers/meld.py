"""MELD: 1,433 dialogues out of Friends, 13,708 utterances with text, sound, picture, emotion and sentiment.

Poria et al. (2019), "MELD: A Multimodal Multi-Party Dataset for Emotion Recognition in Conversations", ACL. From
https://github.com/declare-lab/MELD; GPL-3.0. `train_sent_emo.csv`, `dev_…`, `test_…`, and where there is media
`dia{D}_utt{U}.mp4` in `train_splits/`, `dev_splits_complete/`, `output_repeated_splits_test/`. Text alone is fine.

Quirks: the CSVs have been through Windows' encoding, and hold C1 control characters, mojibake or replacement
characters, depending on the copy: mended where it is certain, and counted. Dialogue numbers start again in every split.
`dia125_utt3` of train is corrupt and `dia110_utt7` of dev missing. The times count from the episode's start; two clips
of test are minutes long, and some overlap across dialogues. Six people speak most of every split.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from tasks.core.errors import InputError, Rejected
from tasks.core.memo import Reject
from tasks.corpora import labels
from tasks.corpora.readers import reading
from tasks.corpora.readers.reading import Corpus, Count, Expected, Reading, Row

_LABELS = {
    "neutral": "neutral", "joy": "happiness", "sadness": "sadness", "anger": "anger",
    "fear": "fear", "disgust": "disgust", "surprise": "surprise",
}  # fmt: skip
_SENTIMENTS = ("negative", "neutral", "positive")
_SPLITS = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}
_NEEDED = ("Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID")
_PUBLISHED = {"train": 9989, "dev": 1109, "test": 2610}
_CLOCK = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{1,3})")
_MOJIBAKE = re.compile("[\u00c2\u00c3\u00e2][\u0080-\u00bf\u0152-\u2122]+")


def read(folder: Path) -> Reading:
    """Read the CSVs anywhere below a folder, with the clips that are there.

    Raises:
        InputError: if there is no CSV at all, or one lacks a column
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; a corpus is a folder in its native layout")
    tables = {split: path for split in _SPLITS for path in sorted(folder.rglob(f"{split}_sent_emo.csv"))[:1]}
    if not tables:
        raise InputError(f"{folder}: no train_sent_emo.csv, dev_sent_emo.csv or test_sent_emo.csv in it or below")
    rows, rejects, repairs = [], list[Reject](), Counter[str]()
    for split, path in tables.items():
        clips = _clips(folder, split)
        for number, cells in enumerate(_cells(path, repairs), 2):
            where = f"{reading.relative(path, folder)}:{number}"
            try:
                rows.append(_row(cells, split, where, clips, repairs))
            except Rejected as error:
                rejects.append(Reject(where, error.reason, error.detail))
        named = {row["audio"] for row in rows}
        rejects += [Reject(one, "no row names it") for one in sorted(clips.values()) if one not in named]
    return Reading(tuple(rows), tuple(rejects), repairs)


def mended(text: str, repairs: Counter[str]) -> str:
    """Return a text with its encoding damage undone, and count what was done.

    C1 controls are cp1252's punctuation read as Latin-1; runs such as `â€™` are UTF-8 read as cp1252. A replacement
    character between letters was an apostrophe; what any other was cannot be known, and it is taken out.
    """
    whole = text
    if _MOJIBAKE.search(whole):
        whole = _MOJIBAKE.sub(lambda found: _undone(found[0]), whole)
        repairs["UTF-8 read as cp1252"] += whole != text
    if re.search("[\x80-\x9f]", whole):
        repairs["cp1252 read as Latin-1"] += 1
        whole = re.sub("[\x80-\x9f]", lambda found: found[0].encode("latin-1").decode("cp1252", "ignore"), whole)
    if "\ufffd" in whole:
        repairs["replacement characters"] += 1
        whole = re.sub("(?<=[A-Za-z])\ufffd(?=[A-Za-z])", "’", whole).replace("\ufffd", "")
    return re.sub(r"\s+", " ", whole).strip()


def _undone(run: str) -> str:
    try:
        return run.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return run


def _cells(path: Path, repairs: Counter[str]) -> list[dict[str, str]]:
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
        repairs["tables in cp1252"] += 1
    table = csv.DictReader(io.StringIO(text, newline=""))
    if lacking := [name for name in _NEEDED if name not in (table.fieldnames or ())]:
        raise InputError(f"{path}: column {', '.join(lacking)} is missing; found {', '.join(table.fieldnames or ())}")
    return list(table)


def _row(
    cells: dict[str, str], split: str, where: str, clips: dict[tuple[int, int], str], repairs: Counter[str]
) -> Row:
    if None in cells or None in cells.values():
        raise Rejected("ragged row", f"{where}: more or fewer cells than the header has")
    place = (cells["Dialogue_ID"], cells["Utterance_ID"])
    if not all(re.fullmatch(r"\d+", one) for one in place):
        raise Rejected("no number", f"{where}: Dialogue_ID and Utterance_ID are {place}")
    emotion, sentiment = cells["Emotion"].strip().lower(), cells["Sentiment"].strip().lower()
    if sentiment not in _SENTIMENTS:
        raise Rejected("unknown sentiment", f"{where}: found {sentiment!r}, known are {', '.join(_SENTIMENTS)}")
    dialogue, turn = map(int, place)
    media = clips.get((dialogue, turn))
    speaker = mended(cells["Speaker"], repairs)
    return {
        "utterance_id": f"meld/{split}-dia{dialogue}-utt{turn}",
        "corpus": "meld",
        "language": "en",
        "speaker": f"meld/{reading.slug(speaker)}",
        "group": f"meld/{split}-dia{dialogue}",
        "turn": turn,
        "audio": media,
        "video": media,
        "text": mended(cells["Utterance"], repairs),
        "text_source": "transcript",
        "native_label": emotion,
        "emotion": labels.emotion(_LABELS, emotion, where),
        "sentiment": sentiment,
        "label_source": "corpus",
        "weight": 1.0,
        "split": split,
        "licence": "GPL-3.0",
        **_episode(cells, repairs),
    }


def _episode(cells: dict[str, str], repairs: Counter[str]) -> Row:
    season, episode = (cells.get(name, "").strip() for name in ("Season", "Episode"))
    start_s, end_s = (_seconds(cells.get(name, "")) for name in ("StartTime", "EndTime"))
    if start_s is None or end_s is None or end_s <= start_s:
        repairs["times left out: broken or reversed"] += bool(cells.get("StartTime"))
        start_s = end_s = None
    known = season.isdigit() and episode.isdigit()
    return {
        "recording": f"s{int(season):02d}e{int(episode):02d}" if known else None,
        "recording_start_s": start_s,
        "recording_end_s": end_s,
    }


def _seconds(clock: str) -> float | None:
    if (found := _CLOCK.fullmatch(clock.strip())) is None:
        return None
    hours, minutes, seconds = map(int, found.groups()[:3])
    return 3600 * hours + 60 * minutes + seconds + int(found[4].ljust(3, "0")) / 1000


def _clips(folder: Path, split: str) -> dict[tuple[int, int], str]:
    found: dict[tuple[int, int], str] = {}
    for place in sorted(folder.rglob(_SPLITS[split])):
        for path in reading.media(place) if place.is_dir() else ():
            # others, such as final_videos_testdia…, are copies
            if name := re.fullmatch(r"dia(\d+)_utt(\d+)", path.stem):
                found.setdefault((int(name[1]), int(name[2])), reading.relative(path, folder))
    return found


def _expected(rows: Sequence[Row]) -> Expected:
    by_split = reading.tally(rows, "split")
    counts = [Count(f"utterances in {split}", _PUBLISHED[split], n) for split, n in sorted(by_split.items())]
    clips = sum(row["audio"] is not None for row in rows)
    if clips:
        counts.append(Count("utterances with a clip", len(rows), clips))
    missing = [row["utterance_id"] for row in rows if row["audio"] is None] if clips else []
    return Expected((*counts, Count("dialogues", 1433, len(reading.tally(rows, "group")))), tuple(missing))


CORPUS = Corpus(
    name="meld",
    title="MELD",
    licence="GPL-3.0",
    url="https://github.com/declare-lab/MELD",
    citation="Poria et al. (2019), ACL",
    language="en",
    labels=_LABELS,
    read=read,
    expected=_expected,
    extra=pa.schema(
        [("recording", pa.string()), ("recording_start_s", pa.float64()), ("recording_end_s", pa.float64())]
    ),
    known_bad={
        "meld/train-dia125-utt3": "the clip is corrupt",
        "meld/dev-dia110-utt7": "the clip is missing",
        "meld/test-dia38-utt4": "305 s long by its times",
        "meld/test-dia220-utt0": "235 s long by its times",
    },
    max_duration_s=30.0,
)
