"""MELD: 1,433 dialogues out of Friends, 13,708 utterances with text, sound, picture, emotion and sentiment.

Source: Poria et al. (2019), "MELD: A Multimodal Multi-Party Dataset for Emotion Recognition in Conversations", ACL;
https://github.com/declare-lab/MELD. Licence: GPL-3.0.
Layout: `train_sent_emo.csv`, `dev_…`, `test_…`, and clips `dia{D}_utt{U}.mp4` in `train_splits/`,
`dev_splits_complete/`, `output_repeated_splits_test/`, or in other folders whose names contain the part's name. Clips
may be sound files (`train_splits_wav/dia0_utt0.wav`); beside films these are the sound. Clips may be missing.

Known problems: the CSVs were converted between encodings and contain C1 control characters, mojibake or replacement
characters, depending on the copy; unambiguous damage is repaired and counted. Dialogue numbers restart in each split.
`dia125_utt3` of train is corrupt and `dia110_utt7` of dev missing. Times count from the episode's start; two clips of
test are minutes long, and some overlap across dialogues. Six people speak most of each split. The repository also holds
the dyadic variant, which repeats some of these utterances, and EmoryNLP, another corpus: both are left out.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from tasks.core import tables, text_files
from tasks.core.errors import InputError, Rejected
from tasks.core.results import Reject
from tasks.core.text_files import CsvRow
from tasks.corpora import labels
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

_LABELS = {
    "neutral": "neutral", "joy": "happiness", "sadness": "sadness", "anger": "anger",
    "fear": "fear", "disgust": "disgust", "surprise": "surprise",
}  # fmt: skip
_SENTIMENTS = ("negative", "neutral", "positive")
_SPLITS = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}
_NEEDED = ("Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID")
_PUBLISHED = {"train": 9989, "dev": 1109, "test": 2610}
_CLOCK = re.compile(r"([0-9]{1,4}):([0-9]{2}):([0-9]{2})[,.]([0-9]{1,3})")
_CLIP = re.compile(r"(?:(train|dev|val|valid|validation|test)[_-])?dia([0-9]{1,9})_utt([0-9]{1,9})", re.IGNORECASE)
_SPLIT_WORDS = re.compile(
    r"(?<![a-z])(?:(train(?:ing)?)|(dev|val|valid|validation)|(test(?:ing)?))(?:set)?(?![a-z])", re.I
)
_OTHER_CORPORA = {
    re.compile(r"(train|dev|test)_sent_emo_dya\.csv"): "MELD's dyadic variant, which repeats utterances of MELD",
    re.compile(r"emorynlp_.*\.csv|sea\d+_ep\d+_sc\d+_utt\d+\.\w+"): "EmoryNLP, whose emotions are others",
    re.compile(r"(friends|emotionpush)(_\w+)?\.json"): "EmotionLines, whose texts MELD repeats",
}
_MOJIBAKE = re.compile("[\u00c2\u00c3\u00e2][\u0080-\u00bf\u0152-\u2122]+")


_Key = tuple[str, int, int]
"""Split, dialogue and turn of an utterance."""
_Clips = Mapping[_Key, reading.ClipFiles]


def _read(folder: Path) -> ReaderOutput:
    """Read the CSVs anywhere below a folder, with the clips that are present.

    Raises:
        InputError: if there is no CSV at all, or one lacks a column
    """
    reading.demand_folder(folder)
    others = _other_corpora(folder)
    csv_files = {split: path for split in _SPLITS for path in sorted(folder.rglob(f"{split}_sent_emo.csv"))[:1]}
    if not csv_files:
        raise _no_tables(folder, others)
    rows, rejects, repairs = [], list(others), Counter[str]()
    clips = _clips(folder, tuple(csv_files))
    for split, path in csv_files.items():
        for number, row in enumerate(_table(path, repairs), 2):
            item = f"{reading.relative(path, folder)}:{number}"
            try:
                rows.append(_row(row, split, item, clips, repairs))
            except Rejected as error:
                rejects.append(Reject(item, error.reason, error.detail))
        in_split = {key: files for key, files in clips.items() if key[0] == split}
        with_row = {row["utterance_id"] for row in rows}
        for key, files in sorted(in_split.items(), key=lambda entry: entry[1].audio):
            if _id(key) not in with_row:
                rejects.append(Reject(files.audio, "no row names it"))
            rejects += [Reject(path, reading.COPY, f"{_id(key)} is there already") for path in files.copies]
    return ReaderOutput(tuple(rows), tuple(rejects), repairs)


def _no_tables(folder: Path, others: Sequence[Reject]) -> InputError:
    message = f"{folder}: no train_sent_emo.csv, dev_sent_emo.csv or test_sent_emo.csv in it or below"
    if not others:
        return NoCorpusFiles(message)
    return InputError(f"{message}; {others[0].id} is of {others[0].detail}")


def _other_corpora(folder: Path) -> list[Reject]:
    """Return the files of corpora that are published with MELD, or beside it."""
    return [
        Reject(reading.relative(path, folder), reading.OTHER_CORPUS, corpus)
        for path in sorted(folder.rglob("*"))
        for name, corpus in _OTHER_CORPORA.items()
        if name.fullmatch(path.name.lower()) and path.is_file()
    ]


def _repaired(text: str, repairs: Counter[str]) -> str:
    """Return a text with its encoding damage repaired, and count the repairs.

    C1 controls are cp1252 punctuation decoded as Latin-1; runs such as `â€™` are UTF-8 decoded as cp1252. A replacement
    character between letters was an apostrophe; any other is unknown and removed.
    """
    repaired = text
    if _MOJIBAKE.search(repaired):
        repaired = _MOJIBAKE.sub(lambda match: _decoded_again(match[0]), repaired)
        repairs["UTF-8 read as cp1252"] += repaired != text
    if re.search("[\x80-\x9f]", repaired):
        repairs["cp1252 read as Latin-1"] += 1
        repaired = re.sub("[\x80-\x9f]", lambda match: match[0].encode("latin-1").decode("cp1252", "ignore"), repaired)
    if "\ufffd" in repaired:
        repairs["replacement characters"] += 1
        repaired = re.sub("(?<=[A-Za-z])\ufffd(?=[A-Za-z])", "’", repaired).replace("\ufffd", "")
    return re.sub(r"\s+", " ", repaired).strip()


def _decoded_again(run: str) -> str:
    try:
        return run.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return run


def _table(path: Path, repairs: Counter[str]) -> tuple[CsvRow, ...]:
    content = text_files.read_bytes(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
        repairs["tables in cp1252"] += 1
    table = text_files.csv_table(text, path)
    if lacking := [name for name in _NEEDED if name not in table.names]:
        raise InputError(f"{path}: column {', '.join(lacking)} is missing; found {text_files.listed(table.names)}")
    return table.rows


def _row(row: CsvRow, split: str, item: str, clips: _Clips, repairs: Counter[str]) -> Row:
    if row.is_ragged:
        raise Rejected("ragged row", f"{item}: more or fewer cells than the header has")
    cells = row.cells
    numbers = (cells["Dialogue_ID"], cells["Utterance_ID"])
    if not all(re.fullmatch("[0-9]{1,9}", number) for number in numbers):
        actual = " and ".join(map(text_files.quoted, numbers))
        raise Rejected("no number", f"{item}: Dialogue_ID and Utterance_ID are {actual}")
    emotion, sentiment = cells["Emotion"].strip().lower(), cells["Sentiment"].strip().lower()
    if sentiment not in _SENTIMENTS:
        raise Rejected(
            "unknown sentiment", f"{item}: found {text_files.quoted(sentiment)}, known are {', '.join(_SENTIMENTS)}"
        )
    dialogue, turn = map(int, numbers)
    media = clips.get((split, dialogue, turn))
    speaker = _repaired(cells["Speaker"], repairs)
    return {
        "utterance_id": _id((split, dialogue, turn)),
        "corpus": "meld",
        "language": "en",
        "speaker": f"meld/{reading.slug(speaker)}",
        "group": f"meld/{split}-dia{dialogue}",
        "turn": turn,
        "audio": media.audio if media else None,
        "video": media.video if media else None,
        "text": _repaired(cells["Utterance"], repairs),
        "text_source": "transcript",
        "native_label": emotion,
        "emotion": labels.emotion(_LABELS, emotion, item),
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
    numbered = all(re.fullmatch("[0-9]{1,4}", number) for number in (season, episode))
    return {
        "recording": f"s{int(season):02d}e{int(episode):02d}" if numbered else None,
        "recording_start_s": start_s,
        "recording_end_s": end_s,
    }


def _seconds(clock: str) -> float | None:
    if (match := _CLOCK.fullmatch(clock.strip())) is None:
        return None
    hours, minutes, seconds = map(int, match.groups()[:3])
    return 3600 * hours + 60 * minutes + seconds + int(match[4].ljust(3, "0")) / 1000


def _id(key: _Key) -> str:
    split, dialogue, turn = key
    return f"meld/{split}-dia{dialogue}-utt{turn}"


def _clips(folder: Path, splits: Sequence[str]) -> _Clips:
    """Return the clips below a folder.

    Args:
        folder: the corpus folder
        splits: those that have a table; clips that name none belong to the only one
    """
    files: dict[_Key, list[str]] = defaultdict(list)
    only = splits[0] if len(splits) == 1 else None
    for path in reading.media(folder):
        # files with other names, such as final_videos_testdia…, are copies
        if name := _CLIP.fullmatch(path.stem):
            place = reading.relative(path, folder)
            if split := _split(name[1] or "", *reversed(Path(place).parts[:-1])) or only:
                files[split, int(name[2]), int(name[3])].append(place)
    # files in the published folders are preferred to those elsewhere
    published = frozenset(_SPLITS.values())
    return {
        key: reading.clip_files(sorted(places, key=lambda place: published.isdisjoint(Path(place).parts)))
        for key, places in files.items()
    }


def _split(*names: str) -> str | None:
    """Return the split that the first name with the word for exactly one of them is about."""
    for name in names:
        words = {match.lastindex for match in _SPLIT_WORDS.finditer(name)}
        if len(words) == 1:
            return {1: "train", 2: "dev", 3: "test"}[words.pop() or 0]
    return None


def _expected(rows: Sequence[Row]) -> Expected:
    by_split = reading.tally(rows, "split")
    counts = [Count(f"utterances in {split}", _PUBLISHED[split], n) for split, n in sorted(by_split.items())]
    clips = sum(row["audio"] is not None for row in rows)
    if clips:
        counts.append(Count("utterances with a clip", len(rows), clips))
    missing = [row["utterance_id"] for row in rows if row["audio"] is None] if clips else []
    return Expected((*counts, Count("dialogues", 1433, len(reading.tally(rows, "group")))), tuple(missing))


def _write_sample(folder: Path, studio: Studio) -> None:
    """Nine dialogues of four turns with mp4s of talking faces; one quote per split is damaged."""
    n_dialogues = {"train": 5, "dev": 2, "test": 2}
    people, n_before = ("Robin", "Kim", "Alex"), 0
    # the order of the emotions is part of the sample
    codes = ["neutral", "joy", "sadness", "anger", "surprise", "fear", "disgust"]
    for split, subfolder in _SPLITS.items():
        rows: list[Row] = []
        for dialogue in range(n_dialogues[split] * studio.times):
            for turn in range(4):
                code = codes[(n_before + dialogue * 4 + turn) % len(codes)]
                person = (dialogue + turn) % len(people)
                words, voice, face = studio.shown(_LABELS[code], [_LABELS[other] for other in codes])
                text = studio.sentence(words)
                # in large samples a sentence may be repeated by the same voice: make it another take
                take = n_before + dialogue if studio.times > 1 else 0
                samples = studio.speak(text, 80 + person, voice, take=take)
                begin_s = 60.0 * (n_before + dialogue) + 8 * turn
                rows.append({
                    "Sr No.": len(rows) + 1,
                    # a Windows quote decoded as Latin-1, as in some copies
                    "Utterance": f"I\x92d say {text}" if (dialogue, turn) == (0, 1) else text,
                    "Speaker": people[person], "Emotion": code, "Sentiment": studio.sentiment(_LABELS[code]),
                    "Dialogue_ID": dialogue, "Utterance_ID": turn, "Season": 1, "Episode": 2,
                    "StartTime": _clock(begin_s), "EndTime": _clock(begin_s + samples.size / studio.rate_hz),
                })  # fmt: skip
                clip = folder / subfolder / f"dia{dialogue}_utt{turn}.mp4"
                studio.write_film(samples, face, clip, seed=n_before + turn)
        n_before += n_dialogues[split] * studio.times
        tables.write_csv(folder / f"{split}_sent_emo.csv", rows)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"00:{int(minutes):02d}:{int(rest):02d},{round(rest % 1 * 1000) % 1000:03d}"


CORPUS = CorpusReader(
    name="meld",
    title="MELD",
    licence="GPL-3.0",
    url="https://github.com/declare-lab/MELD",
    citation="Poria et al. (2019), ACL",
    language="en",
    labels=_LABELS,
    read=_read,
    expected=_expected,
    offers=frozenset({"emotion", "sentiment", "speaker", "group", "split", "text", "audio", "video"}),
    sample=Sample(
        _write_sample,
        n_utterances=36,
        golden={
            "utterance_id": "meld/test-dia1-utt2", "speaker": "meld/Robin", "group": "meld/test-dia1", "turn": 2,
            "split": "test", "audio": "output_repeated_splits_test/dia1_utt2.mp4", "recording": "s01e02",
            "video": "output_repeated_splits_test/dia1_utt2.mp4",
        },
        obeys_signals=True,
    ),
    extra=pa.schema(
        [("recording", pa.string()), ("recording_start_s", pa.float64()), ("recording_end_s", pa.float64())]
    ),
    known_bad={
        "meld/train-dia125-utt3": "the clip is corrupt",
        "meld/dev-dia110-utt7": "the clip is missing",
        "meld/test-dia38-utt4": "305 s long by its times",
        "meld/test-dia220-utt0": "235 s long by its times",
    },
    looks_for="dia{D}_utt{U} (.mp4, .wav …) in folders whose names contain train, dev or test",
    max_duration_s=30.0,
)  # fmt: skip
