"""CREMA-D: 91 actors, 12 sentences, six emotions, four levels; 7,442 clips with 2,443 raters' votes.

Source: Cao et al. (2014), "CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset", IEEE Transactions on Affective
Computing 5(4); https://github.com/CheyneyComputerScience/CREMA-D. Licence: Open Database License.
Layout: `1001_DFA_ANG_XX.wav`: actor, sentence, intended emotion, level (LO, MD, HI, XX unspecified).

With `processedResults/tabulatedVotes.csv`, the label is the winner of the raters' votes on the voice alone (rows
numbered from 100001; 2… is the face, 3… both) and its weight the winner's share; a tie (`A:D`) is no label.
`summaryTable.csv` alone gives the same labels without shares: every weight is 1. `intended` keeps the emotion that the
actor was asked for. `VideoDemographics.csv`, if present, gives age, sex, race and ethnicity.

Known problems: all actors say the same 12 sentences. The levels of `summaryTable.csv` are perceived intensities (0 to
100), not shares of votes. The repository has each clip three times: the WAV is preferred to the MP3 that raters heard,
and the FLV is its video. In many copies `1040_ITH_SAD_XX` is called `1040_ITH_SAD_X`. Some clips are missing (1002 has
no neutral TIE). Published scores use intended labels unless stated otherwise.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from tasks.core import tables, text_files
from tasks.core.errors import InputError, Rejected
from tasks.core.results import Reject
from tasks.corpora import labels
from tasks.corpora.readers import reading
from tasks.corpora.readers.reading import CorpusReader, Count, Expected, ReaderOutput, Row, Sample, Studio

_NAME = re.compile(r"(1\d{3})_([A-Z]{3})_([A-Z]{3})_(LO|MD|HI|XX)")
_UNSPECIFIED = re.compile(r"_X$")
"""The level in the old name of `1040_ITH_SAD_XX`, which most copies of the corpus still have."""
_LABELS = {
    "NEU": "neutral", "HAP": "happiness", "SAD": "sadness", "ANG": "anger", "FEA": "fear", "DIS": "disgust",
}  # fmt: skip
_VOTES = {"N": "neutral", "H": "happiness", "S": "sadness", "A": "anger", "F": "fear", "D": "disgust"}
_SENTENCES = {
    "IEO": "It's eleven o'clock", "TIE": "That is exactly what happened", "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about", "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold", "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment", "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before", "TSI": "The surface is slick", "WSI": "We'll stop in a couple of minutes",
}  # fmt: skip
_LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": "unspecified"}
_PER_CLASS = {"NEU": 1087, "HAP": 1271, "SAD": 1271, "ANG": 1271, "FEA": 1271, "DIS": 1271}
_DEMOGRAPHICS = {"Age": "age", "Sex": "sex", "Race": "race", "Ethnicity": "ethnicity"}


def _read(folder: Path) -> ReaderOutput:
    """Read the clips anywhere below a folder, with votes and demographics if they are present."""
    people = {row["ActorID"]: row for row in _table(folder, "VideoDemographics.csv", "ActorID")}
    votes = _votes(folder)
    with_clip: set[str] = set()
    actors: set[str] = set()

    def row_of(stem: str, path: str) -> Row:
        clip = _clip(stem)
        actors.add(clip[:4])
        row = _row(clip, path, people)
        if clip in votes:
            with_clip.add(clip)
            row |= _vote_columns(votes[clip], path)
        return row

    output = _joined(reading.read_clips(folder, row_of))
    # votes on actors that are not in this copy are not missing clips
    lost = sorted(clip for clip in votes.keys() - with_clip if clip[:4] in actors)
    rejects = (Reject(clip, "votes without a clip", "in the table of votes") for clip in lost)
    return ReaderOutput(output.rows, (*output.rejects, *rejects))


def _clip(stem: str) -> str:
    """Return the clip's name in the repository: in capitals, with the level XX, where copies have other spellings."""
    return _UNSPECIFIED.sub("_XX", stem.strip().upper())


def _row(stem: str, path: str, people: Mapping[str, Mapping[str, str]]) -> Row:
    if (match := _NAME.fullmatch(stem)) is None:
        raise Rejected("not a name of CREMA-D's", f"{stem}: expected a name such as 1001_DFA_ANG_XX")
    actor, sentence, emotion, level = match.groups()
    if sentence not in _SENTENCES:
        raise Rejected("not a name of CREMA-D's", f"{stem}: no sentence {sentence}; known are {', '.join(_SENTENCES)}")
    intended = labels.emotion(_LABELS, emotion, path)
    person = {column: people.get(actor, {}).get(name) or None for name, column in _DEMOGRAPHICS.items()}
    age = person.pop("age")
    return reading.acted_row(
        "crema-d",
        stem,
        actor,
        path,
        script=f"crema-d/{sentence}",
        text=_SENTENCES[sentence],
        native_label=emotion,
        emotion=intended,
        licence="ODbL",
        intended=intended,
        level=_LEVELS[level],
        age=int(age) if age and re.fullmatch("[0-9]{1,3}", age) else None,
        video=path if Path(path).suffix.lower() in reading.VIDEO_SUFFIXES else None,
        **person,
    )


def _joined(output: ReaderOutput) -> ReaderOutput:
    """Merge the files of each clip into one row: its best sound and its film; further files are rejected."""
    by_clip: dict[str, list[Row]] = defaultdict(list)
    for row in output.rows:
        by_clip[row["utterance_id"]].append(row)
    rows, duplicates = [], []
    for files in by_clip.values():
        by_path = {row["audio"]: row for row in files}
        clip = reading.clip_files(list(by_path))
        rows.append({**by_path[clip.audio], "video": clip.video})
        duplicates += [reading.duplicate(by_path[path]) for path in clip.copies]
    return ReaderOutput(tuple(rows), (*output.rejects, *duplicates))


def _votes(folder: Path) -> dict[str, Row]:
    """Return for each clip the winning codes of the votes on the voice, joined by `:`, and their share."""
    votes = _table(folder, "tabulatedVotes.csv", "", "fileName", "emoVote", "agreement")
    if votes:
        voice = (row for row in votes if row[""].startswith("1"))
        return {_clip(row["fileName"]): {"codes": row["emoVote"], "share": row["agreement"]} for row in voice}
    return {
        _clip(row["FileName"]): {"codes": row["VoiceVote"], "share": ""}
        for row in _table(folder, "summaryTable.csv", "FileName", "VoiceVote")
    }


def _vote_columns(vote: Row, path: str) -> Row:
    """Return the label by the raters' votes and its share of them; the label is null on a tie."""
    winners = [
        labels.emotion(_VOTES, code, f"{path} in the table of votes") for code in vote["codes"].split(":") if code
    ]
    if not winners:
        return {}
    share = float(vote["share"]) if re.fullmatch(r"[01](\.[0-9]+)?", vote["share"]) else 1.0
    emotion = winners[0] if len(winners) == 1 else None
    return {"emotion": emotion, "label_source": "listeners", "weight": min(share, 1.0)}


def _table(folder: Path, name: str, *needed: str) -> list[dict[str, str]]:
    """Return the rows of a table anywhere below a folder, cells stripped; none if there is no such file.

    Raises:
        InputError: if it is not UTF-8 or lacks a column
    """
    path = min((path for path in folder.rglob(name) if path.is_file()), default=None)
    if path is None:
        return []
    table = text_files.csv_table(text_files.read_text(path), path)
    if missing := [column for column in needed if column not in table.names]:
        raise InputError(f"{path}: column {missing[0]!r} is missing; found {text_files.listed(table.names)}")
    return [{column: cell.strip() for column, cell in row.cells.items()} for row in table.rows]


def _expected(rows: Sequence[Row]) -> Expected:
    actors, intended = reading.tally(rows, "speaker"), reading.tally(rows, "native_label")
    counts = (
        Count("clips of the whole corpus", 7442, len(rows)),
        Count("actors of the whole corpus", 91, len(actors)),
        Count("sentences", 12, len(reading.tally(rows, "script"))),
        *(Count(f"{_LABELS[code]} intended, whole corpus", n, intended[code]) for code, n in _PER_CLASS.items()),
    )
    return Expected(counts)


def _write_sample(folder: Path, studio: Studio) -> None:
    """Six actors, two sentences, six emotions, with votes and demographics."""
    clips = [
        (f"{1001 + actor}_{sentence}_{code}_XX", _SENTENCES[sentence], actor, emotion)
        for actor in range(6)
        for sentence in ("DFA", "IEO")
        for code, emotion in _LABELS.items()
    ]
    for name, text, actor, emotion in clips:
        studio.write_sound(studio.speak(text, actor, emotion), folder / f"AudioWAV/{name}.wav")
    votes = [
        _simulated_votes(number, name, modality)
        for modality in (_VOICE, _FACE)
        for number, (name, *_) in enumerate(clips, modality)
    ]
    tables.write_csv(folder / "processedResults" / "tabulatedVotes.csv", votes)
    people = [
        {"ActorID": str(1001 + actor), "Age": str(20 + 7 * actor), "Sex": "Male" if actor % 2 else "Female",
         "Race": "Caucasian", "Ethnicity": "Not Hispanic"}
        for actor in range(6)
    ]  # fmt: skip
    tables.write_csv(folder / "VideoDemographics.csv", people)


_VOICE, _FACE = 100_001, 200_001
_RATERS = 10


def _simulated_votes(number: int, name: str, modality: int) -> dict[str, str]:
    """Return ten raters' votes: a seventh of the voices is rated neutral, an eleventh is a tie, faces are clear."""
    intended, index = name.split("_")[2][0], number - modality
    votes = dict.fromkeys("ADFHNS", 0)
    if modality == _VOICE and index % 11 == 5:
        votes |= {"A": 5, "D": 5}
    else:
        n_votes = 6 + index % 4
        winner = "N" if modality == _VOICE and index % 7 == 3 else intended
        votes |= {winner: n_votes, "D" if winner == "S" else "S": _RATERS - n_votes}
    most = max(votes.values())
    return {
        "": str(number),
        **{code: str(n) for code, n in votes.items()},
        "fileName": name,
        "numResponses": str(_RATERS),
        "agreement": str(most / _RATERS),
        "emoVote": ":".join(code for code, n in votes.items() if n == most),
    }


CORPUS = CorpusReader(
    name="crema-d",
    title="CREMA-D",
    licence="Open Database License",
    url="https://github.com/CheyneyComputerScience/CREMA-D",
    citation="Cao et al. (2014), IEEE TAC 5(4)",
    language="en",
    labels=_LABELS,
    read=_read,
    expected=_expected,
    offers=reading.ACTED_COLUMNS | {"text", "video"},
    sample=Sample(
        _write_sample,
        n_utterances=72,
        golden={
            "utterance_id": "crema-d/1003_IEO_FEA_XX", "speaker": "crema-d/1003", "script": "crema-d/IEO",
            "emotion": "fear", "intended": "fear", "label_source": "listeners", "weight": 0.8, "age": 34,
            "sex": "Female", "level": "unspecified",
        },
        lacks=frozenset({"video"}),
    ),
    extra=pa.schema(
        [("intended", pa.string()), ("level", pa.string()), ("age", pa.int64())]
        + [(name, pa.string()) for name in ("sex", "race", "ethnicity")]
    ),
    known_bad={
        "1064_IEO_DIS_MD": "a minute long, with every emotion in it",
        "1064_TIE_SAD_XX": "broken off",
        "1076_MTI_NEU_XX": "no speech in it, or hardly any",
        "1076_MTI_SAD_XX": "no sound in it",
    },
    max_duration_s=10.0,
)  # fmt: skip
