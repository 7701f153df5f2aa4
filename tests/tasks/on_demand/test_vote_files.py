"""The round trip: texts out, answers in, labels from them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.core import each, paths, tables
from tasks.core.config import Config
from tasks.core.errors import ConfigError, InputError
from tasks.labelling.base import file_votes, registry
from tasks.on_demand import vote_files
from tasks.stages import polarity

TEXTS = [
    "That was a really long gray and",
    'terrible "day", they told us.',
    "Yes.",
    "=cmd|' /C calc'!A0 wrote Peter, Paul, Mary",
]
CARD = {"model": "example-1", "date": "2026-11-30", "prompt": "Rate it.", "licence": "CC0"}


def say(texts: list[str]) -> None:
    rows = tables.read(paths.UTTERANCES, tables.UTTERANCES).to_pylist()[: len(texts)]
    rows = [{**row, "text": text, "end_s": row["start_s"] + 2.4} for row, text in zip(rows, texts, strict=True)]
    tables.write(tables.from_rows(rows, tables.UTTERANCES), paths.UTTERANCES, tables.UTTERANCES)


def exported(settings: Config, **options: str) -> list[dict[str, str]]:
    vote_files.export(Path("texts.csv"), settings, **options)
    return list(csv.DictReader(io.StringIO(Path("texts.csv").read_text())))


def answered(rows: list[dict[str, str]], content: str) -> Path:
    Path("answers.csv").write_text(content.format(*(row["id"] for row in rows)))
    return Path("answers.csv")


@pytest.fixture
def config(captioned: Callable[..., None], settings: Config) -> Config:
    captioned(1, 0, per_video=4)
    say(TEXTS)
    paths.VOTERS.mkdir(parents=True, exist_ok=True)
    registry.load.cache_clear()
    return settings


def run(config: Config) -> list[dict[str, object]]:
    changed = config.model_copy(
        update={"polarity": config.polarity.model_copy(update={"voters": ["llm"], "combine": "mean", "min_score": 0.0})}
    )
    polarity.run(changed, each=each.local(config.runtime.model_copy(update={"workers": 1})))
    return tables.read(paths.VOTES, tables.VOTES).to_pylist()


def test_texts_go_out_with_ids_digests_and_context(config: Config) -> None:
    rows = exported(config)
    assert [row["text"] for row in rows] == [TEXTS[0], TEXTS[1], TEXTS[3]]
    assert [row["digest"] for row in rows] == [file_votes.digest(row["text"]) for row in rows]
    assert rows[0]["sentence"] == f"{TEXTS[0]} {TEXTS[1]}"
    assert rows[2]["before"] == f"{TEXTS[0]} / {TEXTS[1]} / Yes."
    assert "id,negative,neutral,positive,vote" in Path("texts.prompt.txt").read_text()
    Path("texts.prompt.txt").write_text("my own")
    exported(config)
    assert Path("texts.prompt.txt").read_text() == "my own"


def test_answers_become_labels_and_the_missing_ones_are_counted(config: Config) -> None:
    rows = exported(config)
    answers = answered(rows, "vote,id,negative,neutral,positive\nnegative,{0},0.8,0.1,0.1\n,{1},,,\n")
    added = vote_files.add("llm", answers, Path("texts.csv"), CARD)
    assert (added.n_votes, added.n_abstentions, added.n_missing) == (1, 1, 1)
    assert json.loads((paths.VOTERS / "llm.json").read_text()) == CARD
    decided = run(config)
    assert [row["sentiment"] for row in decided] == ["negative", None, None, None]
    assert dict(decided[0]["votes"])["llm"] == pytest.approx(-0.7)  # type: ignore[call-overload]
    assert dict(decided[0]["probabilities"])["llm"] == pytest.approx(  # type: ignore[call-overload]
        {"negative": 0.8, "neutral": 0.1, "positive": 0.1}
    )
    assert [row["text"] for row in exported(config, without_vote_of="llm")] == [TEXTS[3]]


def test_a_vote_for_a_text_that_has_changed_is_refused_and_listed(config: Config) -> None:
    rows = exported(config)
    vote_files.add("llm", answered(rows, "id,vote\n{0},negative\n{1},negative\n"), Path("texts.csv"), CARD)
    assert [row["sentiment"] for row in run(config)] == ["negative", "negative", None, None]
    say([TEXTS[0], "wonderful day indeed they told us", *TEXTS[2:]])
    registry.load.cache_clear()
    assert [row["sentiment"] for row in run(config)] == ["negative", None, None, None]
    (reject,) = tables.read(paths.rejected("polarity"), tables.REJECTED).to_pylist()
    assert (reject["item"], reject["reason"]) == (rows[1]["id"], file_votes.OTHER_TEXT)
    assert "llm.csv, row 2" in reject["detail"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "id,vote\nweak/x/0000,negative\n",
            r"answers\.csv: row 1: the id 'weak/x/0000' is not among the exported texts",
        ),
        ("id,vote\n{0},negative\n{0},negative\n", r"answers\.csv: row 2: the id .* is also in row 1"),
        ("id,vote\n{0},awful\n", r"answers\.csv: row 1: found the vote 'awful'"),
        ("id,vote\n{0}\n", r"answers\.csv: row 1 has 1 cells, expected 2"),
        ("id,digest,vote\n{0},000000000000,negative\n", r"row 1: the digest is not that of the exported text"),
        ("id,answer\n{0},negative\n", r"found the columns id, answer; expected id, and vote or negative"),
    ],
)
def test_wrong_answers_name_their_row_and_leave_no_voter(config: Config, content: str, message: str) -> None:
    rows = exported(config)
    with pytest.raises((InputError, ConfigError), match=message):
        vote_files.add("llm", answered(rows, content), Path("texts.csv"), CARD)
    assert not (paths.VOTERS / "llm.csv").exists()


def test_other_kinds_of_voters_are_not_overwritten(config: Config) -> None:
    rows = exported(config)
    answers = answered(rows, "id,vote\n{0},negative\n")
    (paths.VOTERS / "mine.py").write_text("")
    with pytest.raises(InputError, match=r"mine\.py is already a voter"):
        vote_files.add("mine", answers, Path("texts.csv"), CARD)
    for _ in range(2):
        vote_files.add("llm", answers, Path("texts.csv"), CARD)
    with pytest.raises(InputError, match="not a valid voter name"):
        vote_files.add("../llm", answers, Path("texts.csv"), CARD)
