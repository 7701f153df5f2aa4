"""Stage polarity: voters judge every utterance's text, and what their votes come to is its label.

The default is the source's consensus: all voters agree in sign, or all are zero; the score is their mean; for positive
or negative its magnitude must exceed `min_score`. The source's voters are VADER, TextBlob and pattern.en, but
TextBlob's analyzer is pattern.en's lexicon and code, so that two of its three votes are one. AFINN, rated
independently, is the third here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.core import paths, tables
from tasks.core.config import Config, Polarity, Section
from tasks.core.each import Each, Work, collect, write_rejects
from tasks.core.memo import Result
from tasks.labelling.base import registry
from tasks.labelling.votes import combine, eligibility, hedges, vote_columns
from tasks.text.words import without_stop_words

VOTES = pa.schema([("utterance_id", pa.string()), ("votes", vote_columns.VOTES)])


class VotingSettings(Section):
    """What decides a vote, thresholds apart: a changed threshold votes nothing again.

    Attributes:
        voters: who votes
        remove_stop_words: whether voters see texts without their stop words
        mask_hedges: whether "kind of" and its like are taken out before
        versions: what stands for each voter that is not the house's own code
    """

    voters: list[str]
    remove_stop_words: bool
    mask_hedges: bool
    versions: list[str]


@dataclass(frozen=True)
class VideoTexts:
    """One video's utterances: ids and texts."""

    id: str
    texts: tuple[tuple[str, str], ...]

    @property
    def content(self) -> str:
        """Every id and text."""
        return json.dumps(self.texts)


def voting_settings(settings: Polarity) -> VotingSettings:
    """Return what decides a vote under these settings.

    Raises:
        ConfigError: if a voter does not exist, or is named twice
    """
    registry.check(settings.voters)
    return VotingSettings(
        voters=settings.voters,
        remove_stop_words=settings.remove_stop_words,
        mask_hedges=settings.mask_hedges,
        versions=[registry.version(name) for name in settings.voters],
    )


def cast(texts: Sequence[str], asked: VotingSettings) -> dict[str, list[float | None]]:
    """Return every voter's polarity of each text, in [-1, 1], None where it abstains."""
    seen = [hedges.without_hedges(text) for text in texts] if asked.mask_hedges else texts
    seen = [without_stop_words(text) for text in seen] if asked.remove_stop_words else seen
    return {name: registry.load(name).cast(seen) for name in asked.voters}


def polarity_one(item: VideoTexts, settings: VotingSettings) -> Result:
    """Let the voters vote on one video's utterances; a text that occurs again is voted on once."""
    ids, said = zip(*item.texts, strict=True)
    texts = sorted(set(said))
    places = {text: k for k, text in enumerate(texts)}
    votes = np.array(list(cast(texts, settings).values()), dtype=np.float64).T[[places[text] for text in said]]
    return Result(pa.table([ids, vote_columns.to_maps(votes, settings.voters)], VOTES))


def run(config: Config, *, each: Each) -> None:
    """Vote, and write `data/polarity/votes.parquet`: every vote, what they come to, and why one is left out."""
    asked = voting_settings(config.polarity)
    utterances = tables.read(paths.UTTERANCES, tables.UTTERANCES).sort_by("utterance_id")
    cast_votes = collect(each(Work("polarity", polarity_one, asked, VOTES), list(_videos(utterances))), VOTES)
    tables.write(_decided(cast_votes.rows.sort_by("utterance_id"), utterances, config), paths.VOTES, tables.VOTES)
    write_rejects("polarity", cast_votes.rejects)


def decide(
    polarities: combine.Polarities, settings: Polarity, learns: Sequence[bool] | None = None
) -> combine.Combined:
    """Return the labels that votes come to under these settings.

    Args:
        polarities: votes, not a number where a voter abstains, shape (n_texts, n_voters)
        settings: how votes are combined, and what a label must reach
        learns: texts that a label model learns from, shape (n_texts,); None: all
    """
    return combine.combined(
        polarities,
        settings.combine,
        combine.Thresholds(settings.min_score, settings.min_probability),
        None if learns is None else np.array(learns, dtype=bool),
    )


def _videos(utterances: pa.Table) -> Iterator[VideoTexts]:
    rows = zip(*utterances.select(["utterance_id", "group", "text"]).to_pydict().values(), strict=True)
    for group, members in groupby(rows, key=lambda row: row[1]):
        yield VideoTexts(str(group), tuple((one, text) for one, _, text in members))


def _decided(cast_votes: pa.Table, utterances: pa.Table, config: Config) -> pa.Table:
    """Return the table of votes: what is left out for its length, too, has its votes and their score told."""
    unfit = eligibility.left_out(utterances, config.eligibility)
    # a label model that had seen how test videos are voted on would be fitted on more than the training part
    learns = [
        why is None and split == "train" for why, split in zip(unfit, utterances["split"].to_pylist(), strict=True)
    ]
    votes = vote_columns.to_matrix(cast_votes["votes"], config.polarity.voters)
    found = decide(votes, config.polarity, learns)
    majority = combine.combined(votes, "majority", combine.Thresholds(0.0, 0.0))
    fit = np.array([why is None for why in unfit], dtype=bool)
    reasons = np.where(fit, found.left_out, np.array([why or "" for why in unfit], dtype=str))
    labelled = fit & (found.labels != "")
    columns: dict[str, Any] = {
        "utterance_id": cast_votes["utterance_id"],
        "votes": cast_votes["votes"],
        "score": pa.array(found.scores, from_pandas=True),
        "sentiment": pa.array(found.labels.tolist(), mask=~labelled),
        "left_out": pa.array(reasons.tolist(), mask=reasons == ""),
        "majority": pa.array(majority.labels.tolist(), mask=majority.labels == ""),
        "weight": pa.array(found.weights, mask=~labelled),
    }
    columns |= {name: pa.array(found.probabilities[:, k], from_pandas=True) for k, name in enumerate(tables.SENTIMENTS)}
    return pa.table(columns).cast(tables.VOTES)
