"""Stage polarity: lexicons vote on every utterance's text; what they agree on is its label.

The consensus is the source's: all voters agree in sign, or all are zero; the score is their mean; for positive or
negative its magnitude must exceed `min_score`. The source's voters are VADER, TextBlob and pattern.en, but TextBlob's
analyzer is pattern.en's lexicon and code, so that two of its three votes are one. AFINN, rated independently, is the
third here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa

from tasks import eligibility, paths, tables, voters
from tasks.config import Config, Polarity, Section
from tasks.each import Each, Work, collect, write_rejects
from tasks.memo import Result
from tasks.words import without_stop_words

DIFFER, WEAK = "votes differ", "weak score"
BALLOTS = pa.schema([("utterance_id", pa.string()), ("votes", pa.map_(pa.string(), pa.float64()))])


class Ballot(Section):
    """What decides a vote, thresholds apart: a changed threshold votes nothing again."""

    voters: list[str]
    remove_stop_words: bool


@dataclass(frozen=True)
class Speech:
    """One video's utterances: ids and texts."""

    id: str
    texts: tuple[tuple[str, str], ...]

    @property
    def content(self) -> str:
        """Every id and text."""
        return json.dumps(self.texts)


@dataclass(frozen=True)
class Decision:
    """What the votes on a text come to: the mean, the consensus, and why there is none."""

    score: float
    sentiment: str | None
    left_out: str | None


def decide(votes: Sequence[float], min_score: float) -> Decision:
    """Return the consensus of votes in [-1, 1], as the source defines it (its section 4.3.4)."""
    score = sum(votes) / len(votes)
    if all(vote == 0 for vote in votes):
        return Decision(0.0, "neutral", None)
    if not (all(vote > 0 for vote in votes) or all(vote < 0 for vote in votes)):
        return Decision(score, None, DIFFER)
    if abs(score) <= min_score:
        return Decision(score, None, WEAK)
    return Decision(score, "positive" if score > 0 else "negative", None)


def cast(text: str, ballot: Ballot) -> dict[str, float]:
    """Return every voter's polarity of a text, in [-1, 1]."""
    seen = without_stop_words(text) if ballot.remove_stop_words else text
    return {name: voters.load(name)(seen) for name in ballot.voters}


def polarity_one(item: Speech, settings: Ballot) -> Result:
    """Let the voters vote on one video's utterances; a text that occurs again is voted on once."""
    known: dict[str, dict[str, float]] = {}
    for _, text in item.texts:
        if text not in known:
            known[text] = cast(text, settings)
    rows = [{"utterance_id": one, "votes": list(known[text].items())} for one, text in item.texts]
    return Result(tables.from_rows(rows, BALLOTS))


def run(config: Config, *, each: Each) -> None:
    """Vote, and write `data/polarity/votes.parquet`: every vote, the mean, the decision and why one is left out."""
    voters.check(config.polarity.voters)
    utterances = tables.read(paths.UTTERANCES, tables.UTTERANCES).sort_by("utterance_id")
    ballot = Ballot(voters=config.polarity.voters, remove_stop_words=config.polarity.remove_stop_words)
    cast_votes = collect(each(Work("polarity", polarity_one, ballot, BALLOTS), list(_speeches(utterances))), BALLOTS)
    unfit = dict(
        zip(utterances["utterance_id"].to_pylist(), eligibility.left_out(utterances, config.eligibility), strict=True)
    )
    rows = [_row(entry, unfit, config.polarity) for entry in cast_votes.rows.to_pylist()]
    decided = tables.from_rows(rows, tables.VOTES).sort_by("utterance_id")
    tables.write(decided, paths.VOTES, tables.VOTES)
    write_rejects("polarity", cast_votes.rejects)


def _speeches(utterances: pa.Table) -> Iterator[Speech]:
    rows = utterances.select(["utterance_id", "group", "text"]).to_pylist()
    for group, members in groupby(rows, key=lambda row: row["group"]):
        yield Speech(group, tuple((row["utterance_id"], row["text"]) for row in members))


def _row(entry: Mapping[str, Any], unfit: Mapping[str, str | None], settings: Polarity) -> dict[str, Any]:
    votes = dict(entry["votes"])
    decision = decide(list(votes.values()), settings.min_score)
    reason = unfit[entry["utterance_id"]]
    return {
        "utterance_id": entry["utterance_id"],
        "votes": entry["votes"],
        "score": decision.score,
        "sentiment": decision.sentiment if reason is None else None,
        "left_out": reason or decision.left_out,
    }
