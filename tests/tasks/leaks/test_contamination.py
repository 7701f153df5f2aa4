"""Planted contamination: every checkpoint with labels on a corpus of ours is found, and unknown is never clean."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.corpora.readers import registry
from tasks.leaks import contamination
from tasks.leaks.finding import Finding
from tasks.weights.known import table
from tasks.weights.known.table import KnownFile

OURS = registry.names()
PLANTED = sorted(
    {
        (hub, item.corpus, item.labels)
        for weights in table.known().values()
        for item in weights.trained_on
        if item.corpus in OURS
        for hub in (weights.name, *weights.hub)
    }
)
UNKNOWN = sorted(weights.name for weights in table.known().values() if weights.unknown)
CLEAN = sorted(
    weights.name
    for weights in table.known().values()
    if not weights.unknown and not {item.corpus for item in weights.trained_on} & set(OURS)
)


def check(corpora: list[str], *checkpoints: str, declared: tuple[str, ...] = ()) -> dict[str, Finding]:
    return {finding.severity: finding for finding in contamination.check(corpora, checkpoints, declared)}


@pytest.mark.parametrize(("checkpoint", "corpus", "labels"), PLANTED)
def test_every_planted_case_is_found(checkpoint: str, corpus: str, labels: bool) -> None:
    finding = check([corpus], checkpoint)["violation"]
    assert (finding.check, finding.n, finding.of) == ("pretraining", 1, 1)
    manner = f"fine-tuned on {corpus} with labels" if labels else f"pretrained on {corpus} without labels"
    # labels outrank: emotion2vec-plus-seed was pretrained on MELD without, and fine-tuned with them
    assert manner in finding.examples[0] or (not labels and "with labels" in finding.examples[0])
    assert ("with labels" in finding.what) == ("with labels" in finding.examples[0])


def test_the_case_that_was_cleared_wrongly() -> None:
    findings = check(["ravdess"], "iic/emotion2vec_plus_large")
    assert findings["violation"].n == 1
    assert "which was fine-tuned on ravdess with labels" in findings["violation"].examples[0]
    assert "EmoBox" in findings["violation"].examples[0]


@pytest.mark.parametrize("checkpoint", UNKNOWN)
def test_unknown_is_not_clean(checkpoint: str) -> None:
    findings = check(["smile"], checkpoint)
    # no finding that says that there is nothing
    assert list(findings) == ["unknown"]
    assert findings["unknown"].n == 1
    assert "unknown" in findings["unknown"].examples[0]


@pytest.mark.parametrize("checkpoint", CLEAN)
def test_known_training_data_without_a_corpus_of_ours_is_clean(checkpoint: str) -> None:
    (finding,) = contamination.check(OURS, [checkpoint], [])
    assert (finding.check, finding.n) == ("pretraining", 0)


def test_there_are_cases_of_each_kind() -> None:
    assert len(PLANTED) > 60
    assert len(UNKNOWN) > 10
    assert len(CLEAN) > 20


def test_a_checkpoint_outside_the_table_is_unknown_and_its_name_is_a_hint() -> None:
    findings = check(["ravdess", "crema-d"], "me/model", "me/wav2vec2-base-finetuned-CREMAD")
    assert list(findings) == ["unknown"]
    unknown = findings["unknown"]
    assert (unknown.n, unknown.of) == (2, 2)
    assert "not in the table" in unknown.examples[0]
    assert "its name begins with wav2vec2-base, but its weights may have been trained further" in unknown.examples[1]
    assert check(["crema-d"], "me/cremad-model")["unknown"].examples[0].endswith("its name mentions crema-d")


def test_random_weights_are_clean() -> None:
    (finding,) = contamination.check(["ravdess"], ["tiny:speech", "tiny:network"], [])
    assert finding.n == 0


def test_a_renamed_folder_is_found_by_its_configuration(tmp_path: Path) -> None:
    folder = tmp_path / "encoder-v2"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"_name_or_path": "superb/hubert-large-superb-er"}))
    findings = check(["iemocap"], str(folder))
    assert findings["violation"].n == 1
    assert "its config.json names superb/hubert-large-superb-er" in findings["violation"].examples[0]
    # the folder's weights may be a further training
    assert findings["unknown"].n == 1


def test_a_renamed_folder_is_found_by_its_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"the weights"
    digest = hashlib.sha256(content).hexdigest()
    known = dict(table.known())
    for name in ("exhubert", "hubert-base-ls960"):
        file = KnownFile("model.safetensors", digest if name == "exhubert" else "0" * 64, len(content))
        known[name] = replace(known[name], files=(file,))
    monkeypatch.setattr(table, "known", lambda: known)
    folder = tmp_path / "hubert-base-ls960"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(content)
    findings = check(["emodb", "smile"], str(folder))
    assert list(findings) == ["violation"]
    assert "(model.safetensors has its digest) was fine-tuned on emodb with labels" in findings["violation"].examples[0]
    (folder / "model.safetensors").write_bytes(content[::-1])
    assert list(check(["emodb"], str(folder))) == ["unknown"]


def test_labels_outrank_and_the_recipes_own_statement_counts() -> None:
    finding = check(["iemocap", "meld", "tess"], "iic/emotion2vec_base", "emoberta", declared=("tess", "plain"))[
        "violation"
    ]
    assert finding.n == 3
    assert finding.what == "3 of 3 corpora may be known to a pretrained model already, 2 of them with labels"
    assert [example.split(" ")[0] for example in finding.examples] == ["emoberta", "emoberta", "the"]
