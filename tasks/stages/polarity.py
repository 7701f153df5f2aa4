"""Stage polarity: voters vote on the text of every utterance, and their votes are combined to its label.

The default is the source's consensus: all voters agree in sign, or all votes are zero; the score is their mean; for
positive or negative its magnitude must exceed `min_score`. The source's voters are VADER, TextBlob and pattern.en, but
TextBlob's analyzer is pattern.en's lexicon and code: two of the three votes are the same. Instead, our third voter is
AFINN, whose lexicon was rated independently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import chain, islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.core import paths, pipeline_file, tables
from tasks.core.config import Config, Polarity, Section
from tasks.core.each import Each, Work, collect, write_rejects
from tasks.core.results import Result
from tasks.labelling.base import registry, video_texts
from tasks.labelling.base.video_texts import VideoTexts
from tasks.labelling.base.vote import CastVotes
from tasks.labelling.base.voter_input import VoterInput, primary
from tasks.labelling.base.voter_kinds import VoterNeeds
from tasks.labelling.people import rated_utterances, rating_models, ratings
from tasks.labelling.quality import combination_file, label_rules, rated_texts
from tasks.labelling.quality.combination_file import CombinationFile, RatedRows
from tasks.labelling.quality.selection import RatedVotes
from tasks.labelling.votes import combine, eligibility, hedges, vote_columns
from tasks.media.voices import speaker_tables
from tasks.text.words import ENGLISH, without_stop_words

_BEGUN = 3
"""With the third item a driver's worker processes have started (see `each.local`)."""
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


def cast(inputs: Sequence[str | VoterInput], settings: VotingSettings) -> dict[str, CastVotes]:
    """Return every voter's votes on each text, by name.

    Args:
        inputs: texts, or texts with their context, shape (n_texts,)
        settings: voters and text cleaning
    """
    cleaned = _cleaned(inputs, settings)
    return {name: registry.load(name).cast(cleaned) for name in settings.voters}


def _cleaned(inputs: Sequence[str | VoterInput], settings: VotingSettings) -> list[VoterInput]:
    """Return inputs whose texts are as the settings want them; sentences and neighbours stay complete."""
    clean = cache(lambda text, language: _clean(text, language, settings))
    wholes = [VoterInput(given) if isinstance(given, str) else given for given in inputs]
    if not (settings.mask_hedges or settings.remove_stop_words):
        return wholes
    return [
        replace(whole, text=clean(whole.text, whole.language), original=whole.original or whole.text)
        for whole in wholes
    ]


def _clean(text: str, language: str | None, settings: VotingSettings) -> str:
    masked = hedges.without_hedges(text) if settings.mask_hedges else text
    return without_stop_words(masked, primary(language) or ENGLISH) if settings.remove_stop_words else masked


def polarity_one(item: VideoTexts, settings: VotingSettings) -> Result:
    """Vote on one video's utterances; equal inputs are voted on once.

    Args:
        item: the video's utterances
        settings: voters and text cleaning
    """
    polarities, chances = vote_columns.side_by_side(cast(item.inputs(), settings).values())
    votes = vote_columns.to_maps(polarities, settings.voters)
    return Result(pa.table([item.ids, votes, vote_columns.to_chance_maps(chances, settings.voters)], _VOTES))


def run(config: Config, *, each: Each) -> None:
    """Vote and write `data/polarity/votes.parquet`: all votes, the combined label, and the reason for no label.

    `data/polarity/combination.json` states the combination in use, and the rated rows it was chosen or trained on.

    Args:
        config: params.yaml
        each: maps `polarity_one` over the videos
    """
    settings = voting_settings(config.polarity)
    utterances = tables.in_order(tables.read(pipeline_file.utterance_table(), tables.UTTERANCES), "utterance_id")
    utterances = speaker_tables.with_speakers(utterances, config.speakers)
    refused = registry.refused(settings.voters, lambda: _texts(utterances))
    needed = registry.needs_of(settings.voters)
    items = video_texts.items(utterances, _sounds(needed), needed)
    reads = VideoTexts.reads if registry.are_shipped(settings.voters) else None
    outcomes = each(Work("polarity", polarity_one, settings, _VOTES, reads=reads), items)
    begun = list(islice(outcomes, _BEGUN))
    # meanwhile: by now the other items are done in worker processes, if there are any
    ineligible = eligibility.left_out(utterances, config.eligibility)
    cast_votes = collect(chain(begun, outcomes), _VOTES)
    votes = tables.in_order(cast_votes.rows, "utterance_id")
    combination = combination_file.made(config.polarity.combine, _rated(votes, utterances, config))
    tables.write_text(paths.COMBINATION, combination_file.text(combination))
    tables.write(_decided(votes, utterances["split"], ineligible, combination, config), paths.VOTES, tables.VOTES)
    write_rejects("polarity", [*cast_votes.rejects, *refused])


def _texts(utterances: pa.Table) -> dict[str, str]:
    return dict(zip(*utterances.select(["utterance_id", "text"]).to_pydict().values(), strict=True))


def _sounds(needed: VoterNeeds) -> dict[str, tuple[str, str]]:
    """Return the sound of each video and its digest; nothing unless a voter asks for prosody."""
    if not needed.prosody:
        return {}
    videos = tables.read(paths.VIDEOS, tables.VIDEOS).select(["video_id", "audio", "audio_sha256"]).to_pylist()
    return {row["video_id"]: (row["audio"], row["audio_sha256"]) for row in videos}


def _rated(cast_votes: pa.Table, utterances: pa.Table, config: Config) -> RatedRows | None:
    """Return the rated utterances of training videos and the rated texts of the project; None if they are not needed.

    Test videos are left out, since the labels are scored on them, and so are texts that a learned voter was trained on.
    """
    if config.polarity.combine not in combination_file.TRAINED:
        return None
    rows = _rated_utterances(cast_votes, utterances, config)
    if (files := rated_texts.in_folder(paths.RATED)) is not None:
        names = config.polarity.voters
        polarities, chances = vote_columns.side_by_side(cast(files.texts, voting_settings(config.polarity)).values())
        sources = np.array([group.partition("/")[0] for group in files.groups.tolist()], dtype=str)
        votes = RatedVotes(names, polarities, chances, files.labels, files.groups)
        rows = rows.followed_by(RatedRows(votes, files.texts, sources))
    for rule in label_rules.of_voters(config.polarity.voters):
        rows = rows.without(rule.digests or ())
    return rows


def _rated_utterances(cast_votes: pa.Table, utterances: pa.Table, config: Config) -> RatedRows:
    pooled = rating_models.pooled(paths.LISTENERS, utterances, config.labels.listeners).rated.to_pylist()
    rated = {row["utterance_id"]: row for row in pooled if rated_utterances.gold_label(row)}
    columns = utterances.select(["utterance_id", "split", "group", "text"]).to_pydict().values()
    numbered = enumerate(zip(*columns, strict=True))
    chosen = [(k, rated[row[0]], row[2], row[3]) for k, row in numbered if row[1] == "train" and row[0] in rated]
    names = config.polarity.voters
    taken = cast_votes.take(pa.array([k for k, *_ in chosen], pa.int64()))
    votes = RatedVotes(
        names,
        vote_columns.to_matrix(taken["votes"], names),
        vote_columns.to_chances(taken["probabilities"], names),
        np.array([rated_utterances.gold_label(row) for _, row, _, _ in chosen], dtype=str),
        np.array([group for *_, group, _ in chosen], dtype=str),
        # rows that were proposed for rating are no random sample: they train, and no score counts them
        np.array([row["sampling"] == ratings.PROPOSED for _, row, _, _ in chosen], dtype=bool),
    )
    return RatedRows(votes, [text for *_, text in chosen], np.full(len(chosen), "listeners"))


def _decided(
    cast_votes: pa.Table,
    split: pa.ChunkedArray,
    ineligible: Sequence[str | None],
    combination: CombinationFile,
    config: Config,
) -> pa.Table:
    """Return the table of votes; utterances that are not eligible keep their votes and score, without a label."""
    # fit a label model on the training split only: votes on test videos must not influence it
    is_training = pc.equal(split, "train").fill_null(False).to_numpy()
    eligible = np.array([why is None for why in ineligible], dtype=bool)
    settings = config.polarity
    votes = vote_columns.to_matrix(cast_votes["votes"], settings.voters)
    thresholds = combine.Thresholds(settings.min_score, settings.min_probability)
    stacked = combination.stacked(votes, vote_columns.to_chances(cast_votes["probabilities"], settings.voters))
    everything = combine.Votes(settings.voters, votes, stacked, eligible & is_training)
    decided = everything.combined(combination.chosen, thresholds)
    majority = combine.combined(votes, "majority", combine.Thresholds(0.0, 0.0))
    reasons = np.where(eligible, decided.left_out, np.array([why or "" for why in ineligible], dtype=str))
    labelled = eligible & (decided.labels != "")
    columns: dict[str, Any] = {
        "utterance_id": cast_votes["utterance_id"],
        "votes": cast_votes["votes"],
        "probabilities": cast_votes["probabilities"],
        "score": pa.array(decided.scores, from_pandas=True),
        "sentiment": pa.array(decided.labels, mask=~labelled),
        "left_out": pa.array(reasons, mask=reasons == ""),
        "majority": pa.array(majority.labels, mask=majority.labels == ""),
        "weight": pa.array(decided.weights, mask=~labelled),
    }
    probabilities = decided.probabilities
    columns |= {name: pa.array(probabilities[:, k], from_pandas=True) for k, name in enumerate(tables.SENTIMENTS)}
    return pa.table(columns).cast(tables.VOTES)


def plugins(config: Config) -> list[str]:
    """Return the modules of the shipped voters that vote.

    Args:
        config: all settings
    """
    return registry.modules(config.polarity.voters)
