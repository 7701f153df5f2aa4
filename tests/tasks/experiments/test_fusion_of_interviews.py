"""Fusion of words and voice on interviews: better than each alone where both tell something, and only there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core import config, each, paths, tables
from tasks.core.config import INTERVIEWS, Config, Experiment, Extraction
from tasks.core.tables import SENTIMENTS
from tasks.corpora.readers.interviews import EXTRA
from tasks.experiments import recipe_book, row_plots
from tasks.features.base import store
from tasks.stages import experiment

BLOCKS = {"text": "interviews-minilm", "sound": "interviews-functionals"}
LOGISTIC = {"name": "logistic", "c": 0.1}
FUSIONS: dict[str, dict[str, Any]] = {
    "late-fusion": {"name": "late-fusion", "branches": dict.fromkeys(BLOCKS.values(), LOGISTIC)},
    "stacking": {"name": "stacking", "base": {"vector": LOGISTIC}, "folds": 4},
}
_SIZE = 20
"""Features that a class raises a little."""


@pytest.fixture(autouse=True)
def _without_maps(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no t-SNE maps: they take longer than all fits."""
    monkeypatch.setattr(row_plots, "maps", lambda *_: ())


def write_interviews(n_train: int = 48, n_test: int = 48, per_video: int = 10) -> list[dict[str, Any]]:
    """Write the tables of stage corpus@interviews, with a random sentiment for every utterance; return the rows."""
    rng = np.random.default_rng(4)
    rows = [
        {
            "utterance_id": f"weak/{split}-{video}/{turn:04d}", "corpus": INTERVIEWS, "language": "en",
            "group": f"{split}-{video}", "turn": turn, "sentiment": SENTIMENTS[rng.integers(3)], "weight": 1.0,
            "label_source": "consensus", "split": split, "text": "words that were said",
        }
        for split, n_videos in (("train", n_train), ("test", n_test))
        for video in range(n_videos)
        for turn in range(per_video)
    ]  # fmt: skip
    schema = tables.utterances(EXTRA)
    tables.write(tables.from_rows(rows, schema), paths.utterances(INTERVIEWS), schema)
    tables.write(tables.SOUNDS.empty_table(), paths.sounds(INTERVIEWS), tables.SOUNDS)
    tables.write(tables.PICTURES.empty_table(), paths.pictures(INTERVIEWS), tables.PICTURES)
    tables.write_text(paths.reading(INTERVIEWS), json.dumps({"simulated": True}))
    return rows


def write_features(rows: list[dict[str, Any]], name: str, information: float, seed: int) -> None:
    """Write normal vectors; those of two classes lie about `information` standard deviations apart."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(len(rows), _SIZE * 3)).astype(np.float32)
    for row, value in zip(rows, values, strict=True):
        first = _SIZE * SENTIMENTS.index(row["sentiment"])
        value[first : first + _SIZE] += information / np.sqrt(2 * _SIZE)
    extracted = [store.row(row["utterance_id"], value) for row, value in zip(rows, values, strict=True)]
    card = {"extractor": "generated", "title": "generated", "settings": {}, "gives": "vector", "step_s": None}
    store.write(paths.features(INTERVIEWS, name), [tables.from_rows(extracted, store.EXTRACTED)], card)


def settings_of(fusion: str) -> tuple[Config, str]:
    """Return settings with the book's recipe for words and voice, with a model that learns these few rows; its name."""
    features, experiments = recipe_book.entries("interviews", "late-fusion", INTERVIEWS)
    ((name, recipe),) = experiments.items()
    recipe = {**recipe, "model": FUSIONS[fusion], "balance": "none"}
    shipped = config.load(paths.PARAMS)
    sections = {
        "features": {block: Extraction(**entry) for block, entry in features.items()},
        "experiments": {name: Experiment(**recipe)},
        "evaluate": shipped.evaluate.model_copy(update={"bootstrap": 300}),
        "runtime": shipped.runtime.model_copy(update={"workers": 1, "progress": "never"}),
    }
    return shipped.model_copy(update=sections), name


def gains(text: float, sound: float, fusion: str) -> dict[str, dict[str, float]]:
    """Return the fusion's gain of UAR over each modality alone, with its interval, for so much information in each."""
    rows = write_interviews()
    for seed, (modality, information) in enumerate({"text": text, "sound": sound}.items()):
        write_features(rows, BLOCKS[modality], information, seed)
    chosen, name = settings_of(fusion)
    experiment.run(chosen, name, each=each.local(chosen.runtime))
    metrics = json.loads((paths.experiment(name) / "results.json").read_text(encoding="utf-8"))
    alone = [entry for entry in metrics["modalities"] if entry["how"] == "alone"]
    return {"+".join(entry["modalities"]): entry["gain"]["uar"] for entry in alone}


@pytest.mark.parametrize("fusion", FUSIONS)
def test_where_words_and_voice_tell_something_both_are_better_than_each(fusion: str) -> None:
    gain = gains(2.4, 2.4, fusion)
    assert gain["text"]["low"] > 0
    assert gain["sound"]["low"] > 0


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize(("text", "sound", "informed"), [(2.4, 0.0, "text"), (0.0, 2.4, "sound")])
def test_where_one_tells_nothing_both_are_not_better_than_the_other(
    text: float, sound: float, informed: str, fusion: str
) -> None:
    gain = gains(text, sound, fusion)
    assert gain[informed]["low"] <= 0
    assert abs(gain[informed]["value"]) < 0.05
    (other,) = gain.keys() - {informed}
    assert gain[other]["low"] > 0.2, "and far better than the one that tells nothing"
