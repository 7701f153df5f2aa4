"""Stage polarity: voters vote on the text of every utterance, and their votes are combined to its label.

The default is the source's consensus: all voters agree in sign, or all votes are zero; the score is their mean; for
positive or negative its magnitude must exceed `min_score`. The source's voters are VADER, TextBlob and pattern.en, but
TextBlob's analyzer is pattern.en's lexicon and code: two of the three votes are the same. Instead, our third voter is
AFINN, whose lexicon was rated independently.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.core import paths, pipeline_file, tables
from tasks.core.config import Config, Polarity, Section
from tasks.core.each import Each, Work, collect, write_rejects
from tasks.core.results import Result
from tasks.labelling.base import registry
from tasks.labelling.base.vote import CastVotes
from tasks.labelling.votes import combine, eligibility, hedges, vote_columns
from tasks.media.voices import speaker_tables
from tasks.text.words import without_stop_words

_VOTES = pa.schema([tables.VOTES.field(name) for name in ("utterance_id", "votes", "probabilities")])


class VotingSettings(Section):
    """Settings that determine the votes. Thresholds are not among them: changing one must not repeat any vote.

    Attributes:
        voters: names of the voters
        remove_stop_words: whether stop words are removed before voting
        mask_hedges: whether "kind of" and similar hedges are removed before voting
        versions: digest of each voter's code or files
    """

    voters: list[str]
    remove_stop_words: bool
    mask_hedges: bool
    versions: list[str]


@dataclass(frozen=True)
class VideoTexts:
    """One item: (utterance id, text) of all utterances of a video."""

    id: str
    texts: tuple[tuple[str, str], ...]

    @property
    def content(self) -> str:
        """Ids and texts, for the cache key."""
        return json.dumps(self.texts)


def voting_settings(settings: Polarity) -> VotingSettings:
    """Return the settings that determine the votes.

    Args:
        settings: section `polarity` of params.yaml

    Raises:
        ConfigError: if a voter does not exist or is named twice
    """
    registry.check(settings.voters)
    return VotingSettings(
        voters=settings.voters,
        remove_stop_words=settings.remove_stop_words,
        mask_hedges=settings.mask_hedges,
        versions=[registry.version(name) for name in settings.voters],
    )


def cast(texts: Sequence[str], settings: VotingSettings) -> dict[str, CastVotes]:
    """Return every voter's votes on each text, by name.

    Args:
        texts: shape (n_texts,)
        settings: voters and text cleaning
    """
    cleaned = [hedges.without_hedges(text) for text in texts] if settings.mask_hedges else texts
    cleaned = [without_stop_words(text) for text in cleaned] if settings.remove_stop_words else cleaned
    return {name: registry.load(name).cast(cleaned) for name in settings.voters}


def polarity_one(item: VideoTexts, settings: VotingSettings) -> Result:
    """Vote on one video's utterances; repeated texts are voted on once.

    Args:
        item: the video's utterances
        settings: voters and text cleaning
    """
    ids, all_texts = zip(*item.texts, strict=True)
    texts = sorted(set(all_texts))
    row_of = {text: k for k, text in enumerate(texts)}
    rows = [row_of[text] for text in all_texts]
    polarities, chances = vote_columns.side_by_side(cast(texts, settings).values())
    votes = vote_columns.to_maps(polarities[rows], settings.voters)
    return Result(pa.table([ids, votes, vote_columns.to_chance_maps(chances[rows], settings.voters)], _VOTES))


def run(config: Config, *, each: Each) -> None:
    """Vote and write `data/polarity/votes.parquet`: all votes, the combined label, and the reason for no label.

    Args:
        config: params.yaml
        each: maps `polarity_one` over the videos
    """
    settings = voting_settings(config.polarity)
    utterances = tables.read(pipeline_file.utterance_table(), tables.UTTERANCES).sort_by("utterance_id")
    utterances = speaker_tables.with_speakers(utterances, config.speakers)
    cast_votes = collect(each(Work("polarity", polarity_one, settings, _VOTES), list(_videos(utterances))), _VOTES)
    tables.write(_decided(cast_votes.rows.sort_by("utterance_id"), utterances, config), paths.VOTES, tables.VOTES)
    write_rejects("polarity", cast_votes.rejects)


def _videos(utterances: pa.Table) -> Iterator[VideoTexts]:
    rows = zip(*utterances.select(["utterance_id", "group", "text"]).to_pydict().values(), strict=True)
    for group, members in groupby(rows, key=lambda row: row[1]):
        yield VideoTexts(str(group), tuple((utterance_id, text) for utterance_id, _, text in members))


def _decided(cast_votes: pa.Table, utterances: pa.Table, config: Config) -> pa.Table:
    """Return the table of votes; utterances that are not eligible keep their votes and score, without a label."""
    ineligible = eligibility.left_out(utterances, config.eligibility)
    # fit a label model on the training split only: votes on test videos must not influence it
    split = np.array(utterances["split"].to_pylist(), dtype=str)
    eligible = np.array([why is None for why in ineligible], dtype=bool)
    settings = config.polarity
    votes = vote_columns.to_matrix(cast_votes["votes"], settings.voters)
    thresholds = combine.Thresholds(settings.min_score, settings.min_probability)
    combination = combine.combined(votes, settings.combine, thresholds, eligible & (split == "train"))
    majority = combine.combined(votes, "majority", combine.Thresholds(0.0, 0.0))
    reasons = np.where(eligible, combination.left_out, np.array([why or "" for why in ineligible], dtype=str))
    labelled = eligible & (combination.labels != "")
    columns: dict[str, Any] = {
        "utterance_id": cast_votes["utterance_id"],
        "votes": cast_votes["votes"],
        "probabilities": cast_votes["probabilities"],
        "score": pa.array(combination.scores, from_pandas=True),
        "sentiment": pa.array(combination.labels.tolist(), mask=~labelled),
        "left_out": pa.array(reasons.tolist(), mask=reasons == ""),
        "majority": pa.array(majority.labels.tolist(), mask=majority.labels == ""),
        "weight": pa.array(combination.weights, mask=~labelled),
    }
    probabilities = combination.probabilities
    columns |= {name: pa.array(probabilities[:, k], from_pandas=True) for k, name in enumerate(tables.SENTIMENTS)}
    return pa.table(columns).cast(tables.VOTES)


def plugins(config: Config) -> list[str]:
    """Return the modules of the shipped voters that vote.

    Args:
        config: all settings
    """
    return registry.modules(config.polarity.voters)
