"""CREMA-D: 91 actors, 12 sentences, six emotions, four levels; 7,442 clips with 2,443 raters' votes.

Cao et al. (2014), "CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset", IEEE Transactions on Affective
Computing 5(4). From https://github.com/CheyneyComputerScience/CREMA-D; Open Database License. `1001_DFA_ANG_XX.wav`:
actor, sentence, intended emotion, level (LO, MD, HI, XX unspecified).

Where `processedResults/summaryTable.csv` is beside the clips, the label is what the raters heard in the voice alone
(`VoiceVote`), and its weight the winner's share of their agreement level; a tie (`A:D`) is no label. What the actor was
asked for stays in `intended`. `VideoDemographics.csv`, where present, gives age, sex, race and ethnicity.

Quirks: all actors say the same 12 sentences; `1076_MTI_*` and some of `1064_*` are bad; the figures of the field are on
intended labels unless they say otherwise.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from tasks.corpora import labels, reading
from tasks.corpora.reading import Corpus, Count, Expected, Reading, Row
from tasks.errors import Rejected
from tasks.memo import Reject

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
_DEMOGRAPHICS = {"Age": "age", "Sex": "sex", "Race": "race", "Ethnicity": "ethnicity"}


def read(folder: Path) -> Reading:
    """Read the clips anywhere below a folder, with votes and demographics where they are there too."""
    people = {row["ActorID"].strip(): row for row in _table(folder, "VideoDemographics.csv", "ActorID")}
    votes = {row["FileName"].strip(): row for row in _table(folder, "summaryTable.csv", "FileName")}
    heard: set[str] = set()

    def row(stem: str, where: str) -> Row:
        known = _row(stem, where, people)
        if stem in votes:
            heard.add(stem)
            known |= _voted(votes[stem], where)
        return known

    found = reading.unrepeated(reading.clips(folder, row))
    lost = [Reject(one, "votes without a clip", "in summaryTable.csv alone") for one in sorted(votes.keys() - heard)]
    return Reading(found.rows, (*found.rejects, *lost))


def _row(stem: str, where: str, people: Mapping[str, Mapping[str, str]]) -> Row:
    if (found := _NAME.fullmatch(stem)) is None:
        raise Rejected("not a name of CREMA-D's", f"{stem}: expected a name such as 1001_DFA_ANG_XX")
    actor, sentence, emotion, level = found.groups()
    if sentence not in _SENTENCES:
        raise Rejected("not a name of CREMA-D's", f"{stem}: no sentence {sentence}; known are {', '.join(_SENTENCES)}")
    intended = labels.emotion(_LABELS, emotion, where)
    person = {own: people.get(actor, {}).get(name) or None for name, own in _DEMOGRAPHICS.items()}
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
        **{**person, "age": int(person["age"]) if person["age"] else None},
    )


def _voted(votes: Mapping[str, str], where: str) -> Row:
    """Return what the raters heard: the winner and the mean agreement on it, in percent of the votes in the table."""
    codes = (votes.get("VoiceVote") or "").strip()
    winners = [labels.emotion(_VOTES, code, f"{where} in summaryTable.csv") for code in codes.split(":") if code]
    share = (votes.get("VoiceLevel") or "").split(":")[0].strip()
    if not winners:
        return {}
    alone = len(winners) == 1
    weight = min(1.0, float(share) / 100) if re.fullmatch(r"\d+(\.\d+)?", share) else 1.0
    return {"emotion": winners[0] if alone else None, "label_source": "listeners", "weight": weight}


def _table(folder: Path, name: str, key: str) -> list[dict[str, str]]:
    for path in sorted(folder.rglob(name)):
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [row for row in csv.DictReader(file) if row.get(key)]
    return []


def _expected(rows: Sequence[Row]) -> Expected:
    actors = reading.tally(rows, "speaker")
    counts = (
        Count("clips of the whole corpus", 7442, len(rows)),
        Count("actors of the whole corpus", 91, len(actors)),
        Count("sentences", 12, len(reading.tally(rows, "script"))),
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
    known_bad={"1076_MTI_*": "no speech in it, or hardly any", "1064_*": "some of this actor's clips are bad: listen"},
    max_duration_s=10.0,
)
