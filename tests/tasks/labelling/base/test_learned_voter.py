"""Trained voters, over an untrained encoder: training, card, damaged files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers")

from tasks.core import artifacts, tables
from tasks.core.errors import ConfigError, InputError, NotEnoughData
from tasks.evaluation.scores import Bootstrap
from tasks.features.base.tiny_checkpoints import tiny_text_encoder
from tasks.labelling.base import learned_voter, project_voters, registry

FEW = Bootstrap(100, 0.95, 0)
WORDS = {"negative": "awful bad sad", "neutral": "table chair door", "positive": "good nice glad"}
LABELS = [tables.SENTIMENTS[k % 3] for k in range(120)]
TEXTS = [WORDS[label] for label in LABELS]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_text_encoder(tmp_path_factory.mktemp("encoder"), texts=TEXTS))


def given(labels: list[str] = LABELS) -> learned_voter.TrainingTexts:
    groups = np.array([f"g{k // 6}" for k in range(len(labels))])
    return learned_voter.TrainingTexts(TEXTS[: len(labels)], np.array(labels), groups, "made up", "MIT")


def test_a_voter_is_trained_and_its_card_is_complete(tmp_path: Path, encoder: str) -> None:
    card = learned_voter.learn("mine", given(), tmp_path / "mine", FEW, encoder)
    assert card["held_out"]["macro_f1"]["value"] > 0.95
    assert card["classes"] == dict.fromkeys(tables.SENTIMENTS, 40)
    assert json.loads((tmp_path / "mine" / "card.json").read_text()) == card
    registry.load.cache_clear()
    voter = registry.load("mine", tmp_path)
    cast = voter.cast([WORDS["negative"], WORDS["neutral"], WORDS["positive"], "...", ""])
    votes = cast.polarities
    assert votes[0] < 0 < votes[2]
    assert votes[1] == 0
    assert np.isnan(votes[3:]).all()
    assert cast.chances[:3].argmax(axis=1).tolist() == [0, 1, 2]
    assert votes[0] == cast.chances[0, 2] - cast.chances[0, 0]
    assert voter.licence == "MIT"
    assert voter.cast([]).polarities.size == 0
    first = (tmp_path / "mine" / "head.safetensors").read_bytes()
    learned_voter.learn("mine", given(), tmp_path / "mine", FEW, encoder)
    assert (tmp_path / "mine" / "head.safetensors").read_bytes() == first


def test_on_shuffled_labels_it_is_at_chance(tmp_path: Path, encoder: str) -> None:
    shuffled = np.random.default_rng(0).permutation(LABELS).tolist()
    card = learned_voter.learn("mine", given(shuffled), tmp_path / "mine", FEW, encoder)
    assert card["held_out"]["uar"]["value"] < 0.5


def test_too_few_texts_are_an_error(tmp_path: Path, encoder: str) -> None:
    with pytest.raises(NotEnoughData, match="texts of every sentiment"):
        learned_voter.learn("mine", given(LABELS[:2]), tmp_path / "mine", FEW, encoder)
    assert not (tmp_path / "mine").exists()


def test_a_voter_over_another_encoder_or_a_damaged_one_is_refused(tmp_path: Path, encoder: str) -> None:
    folder = tmp_path / "mine"
    learned_voter.learn("mine", given(), folder, FEW, encoder)
    whole = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(artifacts.card_text({**whole, "checkpoint_sha256": "0"}))
    with pytest.raises(ConfigError, match="trained with another"):
        learned_voter.read(folder)
    (folder / "card.json").write_text(
        artifacts.card_text({key: value for key, value in whole.items() if key != "licence"})
    )
    with pytest.raises(ConfigError, match=r"licence is missing.*labels learn"):
        learned_voter.read(folder)
    (folder / "card.json").write_text("{")
    with pytest.raises(ConfigError, match="card cannot be read"):
        learned_voter.read(folder)
    (folder / "card.json").write_text(json.dumps(whole))
    (folder / "head.safetensors").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match=r"not the file that its card describes\)\); train it again"):
        learned_voter.read(folder)
    (folder / "card.json").write_text(json.dumps({**whole, "licence": "another"}))
    with pytest.raises(ConfigError, match=r"contents do not match their digest\)\); train it again"):
        learned_voter.read(folder)
    (folder / "card.json").write_text(artifacts.card_text({**whole, "licence": 5}))
    with pytest.raises(ConfigError, match="licence is missing"):
        learned_voter.read(folder)


def test_names_of_voters(tmp_path: Path) -> None:
    assert project_voters.new_folder(tmp_path, "sit-com") == tmp_path / "sit-com"
    with pytest.raises(InputError, match="is not a valid voter name"):
        project_voters.new_folder(tmp_path, "../up")
    (tmp_path / "taken.py").write_text("")
    with pytest.raises(InputError, match="is already a voter"):
        project_voters.new_folder(tmp_path, "taken")
    with pytest.raises(ConfigError, match=r"no voter 'other'.*available are taken"):
        project_voters.location(tmp_path, "other")
