"""CREMA-D: 91 actors, 12 sentences, six emotions, four levels; 7,442 clips with 2,443 raters' votes.

Cao et al. (2014), "CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset", IEEE Transactions on Affective
Computing 5(4). From https://github.com/CheyneyComputerScience/CREMA-D; Open Database License. `1001_DFA_ANG_XX.wav`:
actor, sentence, intended emotion, level (LO, MD, HI, XX unspecified).

Where `processedResults/tabulatedVotes.csv` is beside the clips, the label is what the raters heard in the voice alone
(its rows numbered from 100001; 2… is the face, 3… both), and its weight the winner's share of their votes; a tie
(`A:D`) is no label. `summaryTable.csv` alone gives the same labels, but no share: every weight is 1. What the actor was
asked for stays in `intended`. `VideoDemographics.csv`, where present, gives age, sex, race and ethnicity.

Quirks: all actors say the same 12 sentences. The levels of `summaryTable.csv` say how strong the emotion was heard to
be (0 to 100), not how many heard it. The repository has every clip three times: the WAV is read before the MP3 that
raters heard, and the FLV is its picture. Not every actor has every clip (1002 has no neutral TIE). The figures of the
field are on intended labels unless they say otherwise.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from tasks.core.errors import InputError, Rejected
from tasks.core.memo import Reject
from tasks.corpora import labels
from tasks.corpora.readers import reading
from tasks.corpora.readers.reading import Corpus, Count, Expected, Reading, Row

_NAME = re.compile(r"(1\d{3})_([A-Z]{3})_([A-Z]{3})_(LO|MD|HI|XX|X)")
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
_LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": "unspecified", "X": "unspecified"}
_PER_CLASS = {"NEU": 1087, "HAP": 1271, "SAD": 1271, "ANG": 1271, "FEA": 1271, "DIS": 1271}
_LOSSY = frozenset({".mp3", ".m4a", ".ogg", ".opus", ".webm", ".aac", ".wma"})
_DEMOGRAPHICS = {"Age": "age", "Sex": "sex", "Race": "race", "Ethnicity": "ethnicity"}


def read(folder: Path) -> Reading:
    """Read the clips anywhere below a folder, with votes and demographics where they are there too."""
    people = {row["ActorID"]: row for row in _table(folder, "VideoDemographics.csv", "ActorID")}
    votes = _votes(folder)
    heard: set[str] = set()
    actors: set[str] = set()

    def row(stem: str, where: str) -> Row:
        actors.add(stem[:4])
        known = _row(stem, where, people)
        if stem in votes:
            heard.add(stem)
            known |= _voted(votes[stem], where)
        return known

    found = _joined(reading.clips(folder, row))
    # a corpus of ten actors lacks nothing of the other 81's
    lost = sorted(one for one in votes.keys() - heard if one[:4] in actors)
    return Reading(
        found.rows, (*found.rejects, *(Reject(one, "votes without a clip", "in the table of votes") for one in lost))
    )


def _row(stem: str, where: str, people: Mapping[str, Mapping[str, str]]) -> Row:
    if (found := _NAME.fullmatch(stem)) is None:
        raise Rejected("not a name of CREMA-D's", f"{stem}: expected a name such as 1001_DFA_ANG_XX")
    actor, sentence, emotion, level = found.groups()
    if sentence not in _SENTENCES:
        raise Rejected("not a name of CREMA-D's", f"{stem}: no sentence {sentence}; known are {', '.join(_SENTENCES)}")
    intended = labels.emotion(_LABELS, emotion, where)
    person = {own: people.get(actor, {}).get(name) or None for name, own in _DEMOGRAPHICS.items()}
    age = person.pop("age")
    return reading.acted(
        "crema-d",
        stem,
        actor,
        where,
        script=f"crema-d/{sentence}",
        text=_SENTENCES[sentence],
        native_label=emotion,
        emotion=intended,
        licence="ODbL",
        intended=intended,
        level=_LEVELS[level],
        age=int(age) if age and age.isdecimal() else None,
        video=where if Path(where).suffix.lower() in reading.PICTURES else None,
        **person,
    )


def _joined(found: Reading) -> Reading:
    """Make one row of a clip's files: its best sound, with its film as the picture; what is over is rejected."""
    files: dict[str, list[Row]] = defaultdict(list)
    for row in found.rows:
        files[row["utterance_id"]].append(row)
    rows, over = [], []
    for mine in files.values():
        sounds = sorted((row for row in mine if not row["video"]), key=_is_lossy)
        films = [row for row in mine if row["video"]]
        rows.append({**(sounds or films)[0], "video": films[0]["video"] if films else None})
        over += [reading.again(row) for row in (*sounds[1:], *films[1:])]
    return Reading(tuple(rows), (*found.rejects, *over))


def _is_lossy(row: Row) -> bool:
    return Path(row["audio"]).suffix.lower() in _LOSSY


def _votes(folder: Path) -> dict[str, Row]:
    """Return for every clip the codes the raters heard in the voice, joined by `:`, and the share of their votes."""
    every = _table(folder, "tabulatedVotes.csv", "", "fileName", "emoVote", "agreement")
    if every:
        voice = (row for row in every if row[""].startswith("1"))
        return {row["fileName"]: {"codes": row["emoVote"], "share": row["agreement"]} for row in voice}
    return {
        row["FileName"]: {"codes": row["VoiceVote"], "share": ""}
        for row in _table(folder, "summaryTable.csv", "FileName", "VoiceVote")
    }


def _voted(vote: Row, where: str) -> Row:
    """Return what the raters heard: the winner, none where several share the win, and its share of the votes."""
    winners = [
        labels.emotion(_VOTES, code, f"{where} in the table of votes") for code in vote["codes"].split(":") if code
    ]
    if not winners:
        return {}
    share = float(vote["share"]) if re.fullmatch(r"[01](\.\d+)?", vote["share"]) else 1.0
    emotion = winners[0] if len(winners) == 1 else None
    return {"emotion": emotion, "label_source": "listeners", "weight": min(share, 1.0)}


def _table(folder: Path, name: str, *needed: str) -> list[dict[str, str]]:
    """Return the rows of a table anywhere below a folder, cells stripped, none if it is not there.

    Raises:
        InputError: if it is not UTF-8 or lacks a column
    """
    path = min((path for path in folder.rglob(name) if path.is_file()), default=None)
    if path is None:
        return []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            if missing := [column for column in needed if column not in (table.fieldnames or ())]:
                raise InputError(f"{path}: column {missing[0]!r} is missing; found {', '.join(table.fieldnames or ())}")
            rows = [{column: (row[column] or "").strip() for column in table.fieldnames or ()} for row in table]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV in UTF-8 ({error}); fetch it again, or take it out") from None
    return rows


def _expected(rows: Sequence[Row]) -> Expected:
    actors, intended = reading.tally(rows, "speaker"), reading.tally(rows, "native_label")
    counts = (
        Count("clips of the whole corpus", 7442, len(rows)),
        Count("actors of the whole corpus", 91, len(actors)),
        Count("sentences", 12, len(reading.tally(rows, "script"))),
        *(Count(f"{_LABELS[code]} intended, whole corpus", n, intended[code]) for code, n in _PER_CLASS.items()),
    )
    return Expected(counts)


CORPUS = Corpus(
    name="crema-d",
    title="CREMA-D",
    licence="Open Database License",
    url="https://github.com/CheyneyComputerScience/CREMA-D",
    citation="Cao et al. (2014), IEEE TAC 5(4)",
    language="en",
    labels=_LABELS,
    read=read,
    expected=_expected,
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
)
