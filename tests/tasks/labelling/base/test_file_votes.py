"""Votes in files: what is read, what is refused with file and row, and votes that no utterance can use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.core.errors import ConfigError
from tasks.labelling.base import file_votes, project_voters, registry
from tasks.labelling.base.file_votes import digest
from tasks.labelling.base.voter_input import VoterInput

CARD = {"model": "example-1", "date": "2026-11-30", "prompt": "Rate it.", "licence": "CC0"}
D = digest("text")


def written(folder: Path, content: str, card: dict[str, Any] | None = CARD, name: str = "llm") -> Path:
    path = folder / f"{name}.csv"
    path.write_text(content, encoding="utf-8")
    if card is not None:
        path.with_suffix(".json").write_text(json.dumps(card))
    return path


@pytest.mark.parametrize(
    ("columns", "cells", "vote"),
    [
        ("vote", "negative", -1.0),
        ("vote", "Neutral", 0.0),
        ("vote", "0.25", 0.25),
        ("vote", "", None),
        ("vote", "abstain", None),
        ("vote,probability", "positive,0.75", 0.75),
        ("vote,probability", "neutral,0.75", 0.0),
        ("probability,vote", ",positive", 1.0),
        ("vote,negative,neutral,positive", "positive,0.1,0.2,0.7", (0.1, 0.2, 0.7)),
        ("vote,negative,neutral,positive", ",0.101,0.2,0.7", (0.101 / 1.001, 0.2 / 1.001, 0.7 / 1.001)),
        ("vote,negative,neutral,positive", "negative,,,", -1.0),
    ],
)
def test_forms_of_a_vote(tmp_path: Path, columns: str, cells: str, vote: Any) -> None:
    votes = file_votes.read(written(tmp_path, f"id,digest,{columns}\nweak/a/0000,{D},{cells}\n"))
    assert votes["weak/a/0000"].vote == pytest.approx(vote)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,vote\na,positive\n", r"llm\.csv: column digest is missing; found id, vote"),
        ("", r"column id, digest, vote is missing; found none"),
        (f"id,digest,vote\na,{D},positive\na,{D},negative\n", r"row 2: the id 'a' is also in row 1"),
        (f"id,digest,vote\na,{D},good\n", r"row 1: found the vote 'good', expected negative, neutral, positive"),
        (f"id,digest,vote\na,{D},1.5\n", r"row 1: found the vote '1\.5'"),
        (f"id,digest,vote\na,{D},nan\n", r"row 1: found the vote 'nan'"),
        (f"id,digest,vote\na,{D}\n", r"row 1: found 2 cells, expected 3"),
        (f"id,digest,vote\n,{D},positive\n", r"row 1: the id is empty"),
        ("id,digest,vote\na,xyz,positive\n", r"row 1: found the digest 'xyz', expected 12 hexadecimal digits"),
        (
            f"id,digest,vote,probability\na,{D},positive,2\n",
            r"row 1: found the probability '2', expected a number from 0",
        ),
        (
            f"id,digest,vote,positive\na,{D},positive,1\n",
            r"found the columns positive; expected all of negative, neutral",
        ),
        (f"id,digest,vote,negative,neutral,positive\na,{D},,0.5,0.5,0.5\n", r"row 1: .* whose sum is 1\.5"),
        (
            f"id,digest,vote,negative,neutral,positive\na,{D},negative,0.1,0.1,0.8\n",
            r"row 1: the vote is negative, but",
        ),
        (f'id,digest,vote\na,{D},"positive\n', r"a quotation mark is opened and never closed"),
        (f"id,digest,vote\na,{D},pos\0\n", r"line 2: found a NUL character"),
    ],
)
def test_a_damaged_file_is_an_error_that_names_the_row(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        file_votes.read(written(tmp_path, content))


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (None, r"llm\.json.*needs a card"),
        ({}, r"llm\.json: model, date, prompt, licence is missing"),
        ({**CARD, "prompt": " "}, r"prompt is missing"),
        ({**CARD, "date": "30.11.2026"}, r"found the date '30\.11\.2026', expected one such as 2026-11-30"),
        ({**CARD, "languages": "es"}, r"found the languages 'es', expected a list"),
    ],
)
def test_a_card_is_required(tmp_path: Path, card: dict[str, Any] | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        file_votes.card(written(tmp_path, "", card))


def test_a_vote_is_bound_to_its_text(tmp_path: Path) -> None:
    path = written(tmp_path, f"id,digest,vote\nu1,{digest('Good.')},positive\nu2,{digest('Bad.')},negative\n")
    voter = registry.load("llm", tmp_path)
    registry.load.cache_clear()
    inputs = [
        VoterInput("Good.", utterance_id="u1"),
        VoterInput("Good", original="Good.", utterance_id="u1"),
        VoterInput("Bad!", utterance_id="u2"),
        VoterInput("Good.", utterance_id="u3"),
        VoterInput("Good."),
    ]
    assert voter.cast(inputs).polarities == pytest.approx([1, 1, *[float("nan")] * 3], nan_ok=True)
    assert voter.licence == "CC0 (votes of example-1, 2026-11-30)"
    votes = file_votes.read(path)
    rejects = file_votes.refused(path, votes, {"u1": "Good.", "u2": "Bad!"})
    assert [(r.id, r.reason, r.detail) for r in rejects] == [
        ("u2", file_votes.OTHER_TEXT, f"{path}, row 2: the text has changed")
    ]
    assert [r.reason for r in file_votes.refused(path, votes, {"u2": "Bad."})] == [file_votes.UNKNOWN]
    with pytest.raises(ConfigError, match="none of its 2 votes is for an utterance of this project"):
        file_votes.refused(path, votes, {"other": "Good."})


def test_two_voters_of_one_name_are_an_error(tmp_path: Path) -> None:
    written(tmp_path, "", name="mine")
    (tmp_path / "mine.py").write_text("")
    with pytest.raises(ConfigError, match=r"mine\.py and .*mine\.csv are voters of one name"):
        project_voters.location(tmp_path, "mine")


def test_votes_of_stated_languages(tmp_path: Path) -> None:
    written(tmp_path, f"id,digest,vote\nu1,{digest('Bien.')},positive\n", {**CARD, "languages": ["es-MX"]})
    voter = registry.load("llm", tmp_path)
    registry.load.cache_clear()
    assert voter.languages == {"es"}
