"""Texts to be voted on outside the pipeline, by a language model or a person, and the votes that come back.

`export` writes the texts with their ids and digests, and a prompt; `add` writes a voter (`data/voters/NAME.csv` and its
card) from the answers. Only ids and votes have to come back: the digests are those of the exported texts.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.core import paths, pipeline_file, tables, text_files
from tasks.core.config import Config
from tasks.core.errors import InputError
from tasks.labelling.base import contexts, file_votes, project_voters
from tasks.labelling.base.contexts import SpokenText
from tasks.labelling.votes import eligibility
from tasks.media.voices import speaker_tables

PROMPT = """\
You rate the sentiment that a speaker expresses in an interview. You get a CSV file with these columns:
id; digest; language; before (what was said just before); text (the text to rate); sentence (the complete sentence that
the text was cut from, if it is cut).

For each row, decide whether the speaker of "text" expresses a negative, neutral or positive sentiment towards what is
talked about. Use "before" and "sentence" only to understand "text". Facts without an attitude, questions and greetings
are neutral. If the text cannot be understood, leave the vote empty.

Answer with a CSV file with the header id,negative,neutral,positive,vote and one row for each input row: the id exactly
as given; the probabilities of the three classes, which sum to 1; and the most probable class as the vote.
"""
_COLUMNS = ("id", "digest", "language", "before", "text", "sentence")
_ANSWERED = ("vote", "probability", *tables.SENTIMENTS)


@dataclass(frozen=True)
class ExportedTexts:
    """Number of texts that were written, and of those that were left out because they have no label anyway."""

    n_texts: int
    n_ineligible: int
    prompt: Path


@dataclass(frozen=True)
class AddedVotes:
    """Numbers of votes that were added, of abstentions, and of exported texts without an answer."""

    n_votes: int
    n_abstentions: int
    n_missing: int
    path: Path


def export(path: Path, config: Config, *, without_vote_of: str | None = None) -> ExportedTexts:
    """Write the texts of all eligible utterances, and a prompt beside them unless there is one.

    Args:
        path: a .csv file
        config: all settings
        without_vote_of: only texts that this voter, which is a file of votes, has no vote for

    Raises:
        InputError: if no text is left
        ConfigError: if the voter does not exist or is not valid
    """
    utterances = tables.read(pipeline_file.utterance_table(), tables.UTTERANCES).sort_by("utterance_id")
    utterances = speaker_tables.with_speakers(utterances, config.speakers)
    reasons = eligibility.left_out(utterances, config.eligibility)
    voted = _voted(without_vote_of)
    rows = [
        row
        for row, reason in zip(_rows(utterances), reasons, strict=True)
        if reason is None and voted.get(row["id"]) != row["digest"]
    ]
    if not rows:
        raise InputError("there is no text to export: no utterance is eligible, or all have a vote already")
    tables.write_csv(path, rows)
    prompt = path.with_suffix(".prompt.txt")
    if not prompt.exists():
        tables.write_text(prompt, PROMPT)
    return ExportedTexts(len(rows), sum(reason is not None for reason in reasons), prompt)


def add(name: str, answers: Path, texts: Path, card: Mapping[str, Any]) -> AddedVotes:
    """Write a voter from answers on exported texts.

    Args:
        name: the voter's name
        answers: a .csv file with `id`, and `vote` or the probabilities of the three classes
        texts: the exported texts
        card: model, date, prompt, licence

    Raises:
        InputError: if the name is not valid, or a file is not valid, with its row
        ConfigError: if a vote is not valid, with its row
    """
    path = project_voters.new_file(paths.VOTERS, name)
    digests = _digests(texts)
    content = _with_digests(answers, digests)
    votes = file_votes.parse(content, answers)
    tables.write_text(file_votes.card_path(path), json.dumps(dict(card), indent=2, ensure_ascii=False) + "\n")
    file_votes.card(path)
    tables.write_text(path, content)
    n_abstentions = sum(vote.vote is None for vote in votes.values())
    return AddedVotes(len(votes) - n_abstentions, n_abstentions, len(digests.keys() - votes.keys()), path)


def _rows(utterances: pa.Table) -> Iterator[dict[str, str]]:
    """Yield the exported row of each utterance, video by video."""
    columns = utterances.select(["group", "utterance_id", "language", "text", "start_s", "end_s", "speaker"])
    rows = zip(*columns.to_pydict().values(), strict=True)
    for _, members in groupby(rows, key=lambda row: row[0]):
        video = [row[1:] for row in members]
        spoken = [SpokenText(*rest) for _, _, *rest in video]
        for (utterance_id, language, text, *_), around in zip(video, contexts.surroundings(spoken), strict=True):
            values = (
                utterance_id,
                file_votes.digest(text),
                language or "",
                " / ".join(neighbour.text for neighbour in around.before),
                text,
                around.sentence if around.sentence != text else "",
            )
            yield dict(zip(_COLUMNS, values, strict=True))


def _voted(name: str | None) -> dict[str, str]:
    """Return utterance id → digest of the text that was voted on."""
    if name is None:
        return {}
    path = project_voters.location(paths.VOTERS, name)
    if path.suffix != ".csv":
        raise InputError(f"{path} is not a file of votes; expected the name of one, {paths.VOTERS}/NAME.csv")
    return {utterance_id: vote.digest for utterance_id, vote in file_votes.read(path).items()}


def _digests(path: Path) -> dict[str, str]:
    rows = text_files.csv_rows(text_files.read_text(path, file_votes.MAX_BYTES), path)
    header = next((cells for _, cells in rows if cells), [])
    if missing := [name for name in ("id", "digest") if name not in header]:
        raise InputError(
            f"{path}: column {', '.join(missing)} is missing; expected the file of undertone labels export-texts"
        )
    places = [header.index(name) for name in ("id", "digest")]
    digests = dict[str, str]()
    for number, cells in enumerate((cells for _, cells in rows if cells), start=1):
        if len(cells) != len(header):
            raise InputError(f"{path}: row {number} has {len(cells)} cells, expected {len(header)}, as in the header")
        utterance_id, bound_to = (cells[place].strip() for place in places)
        digests[utterance_id] = bound_to
    return digests


def _with_digests(path: Path, digests: Mapping[str, str]) -> str:
    """Return answers as the content of a file of votes."""
    rows = text_files.csv_rows(text_files.read_text(path, file_votes.MAX_BYTES), path)
    header = [name.strip().lower() for name in next((cells for _, cells in rows if cells), [])]
    written = [name for name in _ANSWERED if name in header]
    if "id" not in header or not written:
        raise InputError(
            f"{path}: found the columns {text_files.listed(header)}; expected id, and vote or "
            f"{', '.join(tables.SENTIMENTS)}"
        )
    columns = ["vote", *(name for name in written if name != "vote")]
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(["id", "digest", *columns])
    for number, cells in enumerate((cells for _, cells in rows if cells), start=1):
        if len(cells) != len(header):
            raise InputError(f"{path}: row {number} has {len(cells)} cells, expected {len(header)}, as in the header")
        row = dict(zip(header, cells, strict=True))
        utterance_id = row["id"].strip()
        if utterance_id not in digests:
            raise InputError(
                f"{path}: row {number}: the id {text_files.quoted(utterance_id)} is not among the exported texts; "
                "expected one of their ids, exactly as exported"
            )
        if row.get("digest", "").strip() not in ("", digests[utterance_id]):
            raise InputError(
                f"{path}: row {number}: the digest is not that of the exported text; export the texts again"
            )
        writer.writerow([utterance_id, digests[utterance_id], *(row.get(name, "").strip() for name in columns)])
    return sink.getvalue()
