"""`undertone labels`: trying and training voters, and errors in one message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.runs import in_process
from tasks.core import paths, tables
from tasks.core.errors import InputError
from tasks.labelling.base import registry
from tests.tasks.weights import tiny_weights

TEXTS = "text,sentiment,group\n" + "".join(
    f"{words},{label},g{number}\n"
    for number in range(12)
    for words, label in (("awful bad sad", "negative"), ("table chair door", "neutral"), ("good nice glad", "positive"))
)


def undertone(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["labels", *arguments], catch_exceptions=False, env={"COLUMNS": "100"})
    assert done.exit_code == 0, done.output
    return done.output


def test_voters_are_tried_on_rated_texts(project: Path) -> None:
    Path("known.csv").write_text(TEXTS)
    output = undertone("try", "known.csv", "--voter", "vader", "--voter", "tags")
    assert "Voters, 36 texts" in output
    assert "label-model" in output
    assert "Scores on 36 texts of 12 groups" in output
    assert "stacking: every text by a model that was not trained on its group" in " ".join(output.split())
    vader = next(line for line in output.splitlines() if "vader" in line)
    assert "1.000" in vader
    with pytest.raises(InputError, match=r"nowhere\.csv: there is no such file"):
        undertone("try", "nowhere.csv")


def test_the_audit_names_the_rows_and_exits_with_1(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = {"same": ["interviews/test-1/0003"], "in_words": "threshold polarity.min_score: chosen on 9 rated texts"}
    report = {"selection": {"in_words": "Combination consensus."}, "rules": [rule], "n_heard": 9}
    monkeypatch.setattr(in_process, "bring_up_to_date", lambda *_, **__: None)
    tables.write_text(paths.LABELS, json.dumps(report))
    done = CliRunner().invoke(app, ["labels", "audit"])
    assert done.exit_code == 1
    assert "violation: threshold polarity.min_score: chosen on 9 rated texts." in done.output
    assert "interviews/test-1/0003" in done.output
    tables.write_text(paths.LABELS, json.dumps({**report, "rules": [{**rule, "same": []}]}))
    assert "9 scored rows: no rule in use was chosen on any of them" in undertone("audit")


def test_a_voter_is_trained_and_votes(project: Path) -> None:
    for name in ("known.csv", "more.csv"):
        Path(name).write_text(TEXTS)
    encoder = str(tiny_weights.text_encoder(project / "encoder", TEXTS.replace(",", " ").splitlines()))
    output = " ".join(undertone("learn", "mine", "known.csv", "more.csv", "--encoder", encoder).split())
    assert "mine: trained on 72 texts (known.csv, more.csv); encoder" in output
    assert "known.csv, trained on the others" in output
    assert "Recall: negative 1.00 at precision 1.00" in output
    assert "To use it: polarity.voters: [vader, textblob, afinn, mine]" in output
    card = json.loads((paths.VOTERS / "mine" / "card.json").read_text())
    assert (card["n_texts"], card["encoder"]["precision"]) == (72, "int8")
    registry.load.cache_clear()
    assert "mine" in undertone("try", "known.csv", "--voter", "mine")
    undertone("learn", "plain", "known.csv", "--checkpoint", encoder, "--lexicon", "none", "--precision", "float32")
    card = json.loads((paths.VOTERS / "plain" / "card.json").read_text())
    assert (card["lexicons"], card["encoder"]["precision"]) == ([], "float32")
    for arguments, why in (
        (("other", "nothing"), r"neither a file nor a corpus of params\.yaml .*nor ratings"),
        (("../up", "known.csv"), "is not a valid voter name"),
        (("other", "known.csv", "--precision", "int4"), "--precision int4: expected float32 or int8"),
    ):
        with pytest.raises(InputError, match=why):
            undertone("learn", *arguments)


def test_votes_of_a_language_model_go_round(project: Path) -> None:
    Path("texts.csv").write_text("id,digest,text\nweak/a/0000,0123456789ab,Good.\nweak/a/0001,0123456789ac,Bad.\n")
    Path("answers.csv").write_text("id,vote\nweak/a/0000,positive\n")
    Path("prompt.txt").write_text("Rate it.")
    options = ("--texts", "texts.csv", "--prompt", "prompt.txt", "--model", "example-1", "--licence", "CC0")
    output = " ".join(undertone("import-votes", "llm", "answers.csv", *options, "--date", "2026-11-30").split())
    assert "1 votes, 0 abstentions; 1 exported texts have no answer and count as abstentions" in output
    assert "polarity.voters: [vader, textblob, afinn, llm]" in output
    card = json.loads((paths.VOTERS / "llm.json").read_text())
    assert card == {"model": "example-1", "date": "2026-11-30", "prompt": "Rate it.", "licence": "CC0"}
    assert registry.licence("llm") == "CC0 (votes of example-1, 2026-11-30)"
