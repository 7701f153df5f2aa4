"""Trained voters, over an untrained encoder: training, card, damaged files, voters of version 0.2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core import artifacts, paths, tables
from tasks.core.errors import ConfigError, InputError, NotEnoughData
from tasks.evaluation.scores import Bootstrap
from tasks.features.base import sentence_files
from tasks.labelling.base import project_voters, registry, voter_kinds
from tasks.labelling.base.voter_input import VoterInput
from tasks.labelling.learned import renderings, training, voter_files
from tasks.labelling.learned.head import softmax
from tasks.labelling.learned.training import VoterRecipe
from tasks.labelling.learned.training_texts import TrainingTexts
from tasks.labelling.quality import row_digests
from tests.tasks.weights import tiny_weights

FEW = Bootstrap(100, 0.95, 0)
WORDS = {"negative": "grey rain cold", "neutral": "table chair door", "positive": "blue sun warm"}
LABELS = [tables.SENTIMENTS[k % 3] for k in range(90)]
TEXTS = [f"{WORDS[label]} the {'of' if k % 2 else 'and'}" for k, label in enumerate(LABELS)]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_weights.text_encoder(tmp_path_factory.mktemp("encoder"), TEXTS))


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    registry.load.cache_clear()


def given(labels: list[str] = LABELS, source: str = "made up") -> TrainingTexts:
    groups = np.array([f"g{k // 6}" for k in range(len(labels))])
    return TrainingTexts(TEXTS[: len(labels)], np.array(labels), groups, source, "MIT")


def learn(folder: Path, encoder: str, *sources: TrainingTexts, **recipe: Any) -> dict[str, Any]:
    texts = sources or (given(),)
    return training.learn(
        "mine", texts, folder, recipe=VoterRecipe(encoder, **recipe), bootstrap=FEW, say=lambda _: None
    )


def test_a_voter_is_trained_and_its_card_is_complete(tmp_path: Path, encoder: str) -> None:
    card = learn(tmp_path / "mine", encoder)
    assert card["held_out"]["macro_f1"]["value"] > 0.95
    assert [entry["texts"] for entry in card["held_out"]["renderings"]] == [*renderings.NAMES]
    assert all(entry["macro_f1"]["value"] > 0.95 for entry in card["held_out"]["renderings"])
    assert card["held_out"]["calibration_error"] < 0.2
    assert all(entry["lexicon"]["gain"]["low"] > 0.3 for entry in card["held_out"]["renderings"])
    assert card["sources"][0]["classes"] == dict.fromkeys(tables.SENTIMENTS, 30)
    assert card["domain"] == "texts like those of made up"
    assert (card["languages"], card["lexicons"]) == (["en"], ["vader", "textblob", "afinn"])
    assert card["across_sources"] == []
    assert json.loads((tmp_path / "mine" / "card.json").read_text()) == card
    seen = row_digests.read(tmp_path / "mine" / "rows.txt")
    asked = [TEXTS[0].upper(), WORDS["negative"], "something else"]
    assert row_digests.overlap(asked, seen) == [0, 1]
    voter = registry.load("mine", tmp_path)
    votes = voter.cast([WORDS["negative"], WORDS["neutral"], WORDS["positive"], "...", ""])
    assert votes.polarities[0] < 0 < votes.polarities[2]
    assert votes.polarities[1] == 0
    assert np.isnan(votes.polarities[3:]).all()
    assert votes.chances[:3].argmax(axis=1).tolist() == [0, 1, 2]
    assert voter.licence == "MIT"
    assert voter.languages == {"en"}
    assert voter.cast([]).polarities.tolist() == []
    first = (tmp_path / "mine" / "head.safetensors").read_bytes()
    learn(tmp_path / "mine", encoder)
    assert (tmp_path / "mine" / "head.safetensors").read_bytes() == first


def test_votes_do_not_depend_on_the_texts_beside_them(tmp_path: Path, encoder: str) -> None:
    learn(tmp_path / "mine", encoder)
    voter = registry.load("mine", tmp_path)
    texts = [*TEXTS[:6], "table " * 40, "the"]
    together = voter.cast(texts).chances
    assert [voter.cast([text]).chances[0].tolist() for text in texts] == together.tolist()


def test_a_cue_is_read_with_its_sentence(tmp_path: Path, encoder: str) -> None:
    card = learn(tmp_path / "mine", encoder, reads_sentence=True)
    assert card["context"] is True
    voter = registry.load("mine", tmp_path)
    assert voter.context
    cue, whole = "and the table", "and the table blue sun warm blue sun warm"
    model = voter_files.read(tmp_path / "mine")
    logits = model.head.logits(model.inputs.of([cue, whole]))
    votes = voter.cast([VoterInput(cue), VoterInput(cue, sentence=whole)]).chances
    assert votes == pytest.approx(softmax(np.stack([logits[0], logits.mean(axis=0)])), abs=1e-5)
    assert votes[0].argmax() != logits[1].argmax()
    assert np.isnan(voter.cast([VoterInput("...", sentence=whole)]).polarities).all()


def test_an_encoder_is_fine_tuned_and_belongs_to_the_voter(tmp_path: Path, encoder: str) -> None:
    pytest.importorskip("transformers")
    folder = tmp_path / "mine"
    card = learn(folder, encoder, given(LABELS[:48]), lexicons=(), fine_tune=True)
    assert (card["encoder"]["name"], card["encoder"]["tuned_from"]) == ("fine-tuned", encoder)
    names = ["card.json", "encoder-int8.onnx", "head.safetensors", "rows.txt", "tokenizer.json"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert card["held_out"]["macro_f1"]["value"] > 0.9
    votes = registry.load("mine", tmp_path).cast(list(WORDS.values()))
    assert votes.chances.argmax(axis=1).tolist() == [0, 1, 2]
    frozen = sentence_files.find(encoder, "int8")
    assert (folder / "encoder-int8.onnx").read_bytes() != frozen.graph.read_bytes()
    (folder / "encoder-int8.onnx").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match=r"this voter's encoder cannot be read.*train it again"):
        voter_files.read(folder)


def test_on_shuffled_labels_it_is_at_chance(tmp_path: Path, encoder: str) -> None:
    shuffled = np.random.default_rng(0).permutation(LABELS).tolist()
    assert learn(tmp_path / "mine", encoder, given(shuffled))["held_out"]["uar"]["value"] < 0.5


def test_several_sources_are_tested_across(tmp_path: Path, encoder: str) -> None:
    card = learn(tmp_path / "mine", encoder, given(source="a"), given(LABELS[:60], "b"), domain="weather")
    assert card["trained_on"] == "a, b"
    assert card["domain"] == "weather"
    assert [entry["tested_on"] for entry in card["across_sources"]] == ["a", "b"]
    assert all(entry["macro_f1"]["value"] > 0.95 for entry in card["across_sources"])
    assert [entry["n_texts"] for entry in card["sources"]] == [90, 60]
    with pytest.raises(NotEnoughData, match="a source is given twice"):
        learn(tmp_path / "mine", encoder, given(), given())


def test_lexicons_and_languages(tmp_path: Path, encoder: str) -> None:
    card = learn(tmp_path / "mine", encoder, languages=("de", "es"))
    assert card["lexicons"] == []
    assert {entry["lexicon"] for entry in card["held_out"]["renderings"]} == {None}
    learn(paths.VOTERS / "mine", encoder, lexicons=("afinn",))
    needed = registry.modules(["mine", "vader"])
    assert [module.rpartition(".")[2] for module in needed] == ["voter_files", "afinn", "vader"]
    with pytest.raises(InputError, match="lexicon other: not a shipped voter"):
        learn(tmp_path / "mine", encoder, lexicons=("other",))


def test_a_change_of_a_lexicon_changes_the_version(encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    learn(paths.VOTERS / "mine", encoder)
    before = registry.version("mine")
    assert registry.version("mine") == before
    monkeypatch.setattr(voter_kinds.code_version, "version", lambda *_: "other")
    assert registry.version("mine") != before


def test_too_few_texts_are_an_error(tmp_path: Path, encoder: str) -> None:
    with pytest.raises(NotEnoughData, match="found negative texts in 1 groups; a voter is trained on"):
        learn(tmp_path / "mine", encoder, given(LABELS[:6]))
    no_positive = [label for label in LABELS if label != "positive"]
    with pytest.raises(NotEnoughData, match="found positive texts in 0 groups"):
        learn(tmp_path / "mine", encoder, given(no_positive))
    assert not (tmp_path / "mine").exists()


def test_a_few_groups_suffice(tmp_path: Path, encoder: str) -> None:
    """With two groups of a class there are two outer folds, and no inner ones: nothing is chosen."""
    card = learn(tmp_path / "mine", encoder, given(LABELS[:12]))
    assert card["held_out"]["protocol"].startswith("2 folds")
    assert card["held_out"]["n"] == 12


def test_a_voter_over_another_encoder_or_a_damaged_one_is_refused(tmp_path: Path, encoder: str) -> None:
    folder = tmp_path / "mine"
    learn(folder, encoder)
    whole = json.loads((folder / "card.json").read_text())

    def change(**fields: Any) -> None:
        (folder / "card.json").write_text(artifacts.card_text({**whole, **fields}))

    change(encoder={**whole["encoder"], "sha256": "0"})
    with pytest.raises(ConfigError, match="trained with another"):
        voter_files.read(folder)
    change(encoder={**whole["encoder"], "layers": [0]})
    with pytest.raises(ConfigError, match="weights of 38 inputs, and its card describes 22"):
        voter_files.read(folder)
    change(encoder={**whole["encoder"], "precision": "int3"})
    with pytest.raises(ConfigError, match=r"encoder\.precision is 'int3'"):
        voter_files.read(folder)
    change(encoder={"name": "x"})
    with pytest.raises(ConfigError, match=r"encoder\.sha256, encoder\.precision, encoder\.layers is missing"):
        voter_files.read(folder)
    change(encoder={**whole["encoder"], "name": "all-mpnet-base-v2"})
    (tmp_path / "weights").mkdir()
    with pytest.MonkeyPatch.context() as patch, pytest.raises(InputError, match="weights fetch all-mpnet-base-v2"):
        patch.setenv("UNDERTONE_WEIGHTS", str(tmp_path / "weights"))
        voter_files.read(folder)
    (folder / "card.json").write_text(artifacts.card_text({key: whole[key] for key in whole if key != "licence"}))
    with pytest.raises(ConfigError, match=r"licence is missing.*labels learn"):
        voter_files.read(folder)
    (folder / "card.json").write_text("{")
    with pytest.raises(ConfigError, match="card cannot be read"):
        voter_files.read(folder)
    (folder / "card.json").write_text(json.dumps(whole))
    (folder / "head.safetensors").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match=r"not the file that its card describes\)\); train it again"):
        voter_files.read(folder)
    (folder / "card.json").write_text(json.dumps({**whole, "licence": "another"}))
    with pytest.raises(ConfigError, match=r"contents do not match their digest\)\); train it again"):
        voter_files.read(folder)
    change(licence=5)
    with pytest.raises(ConfigError, match="licence is missing"):
        voter_files.read(folder)


def test_a_voter_of_version_0_2_is_used_or_names_what_it_needs(tmp_path: Path, encoder: str) -> None:
    from safetensors.numpy import save

    from tasks.features.base import checkpoints, sentence_encoder

    loaded = sentence_encoder.load(sentence_files.find(encoder, "float32"))
    vectors = loaded.means(list(WORDS.values()), [loaded.n_layers])[:, 0].astype(float)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    head = save({"weights": 50 * np.linalg.pinv(vectors).T.copy(), "biases": np.zeros(3)})
    fields = {
        "name": "old", "licence": "MIT", "checkpoint": encoder,
        "checkpoint_sha256": checkpoints.fingerprint(encoder), "trained_on": "texts",
    }  # fmt: skip
    folder = tmp_path / "old"
    tables.write_bytes(folder / "head.safetensors", head)
    tables.write_text(folder / "card.json", artifacts.card_text(fields, {"head.safetensors": head}))
    votes = registry.load("old", tmp_path).cast(list(WORDS.values()))
    assert np.sign(votes.polarities).tolist() == [-1, 0, 1]
    changed = artifacts.card_text({**fields, "checkpoint_sha256": "0"}, {"head.safetensors": head})
    tables.write_text(folder / "card.json", changed)
    with pytest.raises(ConfigError, match=r"another .* than the installed one; train it again: undertone labels learn"):
        voter_files.read(folder)
    changed = artifacts.card_text({**fields, "checkpoint": "/no/where"}, {"head.safetensors": head})
    tables.write_text(folder / "card.json", changed)
    with pytest.raises(ConfigError, match=r"of undertone 0\.2, needs its encoder /no/where.*train it again"):
        voter_files.read(folder)


def test_names_of_voters(tmp_path: Path) -> None:
    assert project_voters.new_folder(tmp_path, "sit-com") == tmp_path / "sit-com"
    with pytest.raises(InputError, match="is not a valid voter name"):
        project_voters.new_folder(tmp_path, "../up")
    (tmp_path / "taken.py").write_text("")
    with pytest.raises(InputError, match="is already a voter"):
        project_voters.new_folder(tmp_path, "taken")
    with pytest.raises(ConfigError, match=r"no voter 'other'.*available are taken"):
        project_voters.location(tmp_path, "other")
