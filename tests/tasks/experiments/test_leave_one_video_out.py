"""The interviews' recipe `leave-one-video-out`: every training video is tested once, and the test list is not used."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tasks.core import config, each, paths, tables
from tasks.core.config import INTERVIEWS, Experiment, Extraction
from tasks.core.tables import SENTIMENTS
from tasks.corpora.readers.interviews import EXTRA
from tasks.experiments import recipe_book, row_plots
from tasks.features.base import store
from tasks.stages import experiment

PER_VIDEO, VIDEOS = 9, {"train": 5, "test": 3}


@pytest.fixture
def interviews(project: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the tables of stage corpus@interviews and mid-term vectors that show the sentiment."""
    # t-SNE takes longer than all fits
    monkeypatch.setattr(row_plots, "maps", lambda *_: ())
    rows = [
        {
            "utterance_id": f"weak/{split}-{video}/{turn:04d}", "corpus": INTERVIEWS, "language": "en",
            "group": f"{split}-{video}", "turn": turn, "sentiment": SENTIMENTS[turn % 3], "weight": 1.0,
            "label_source": "consensus", "split": split, "text": "words that were said",
        }
        for split, n_videos in VIDEOS.items()
        for video in range(n_videos)
        for turn in range(PER_VIDEO)
    ]  # fmt: skip
    schema = tables.utterances(EXTRA)
    tables.write(tables.from_rows(rows, schema), paths.utterances(INTERVIEWS), schema)
    tables.write(tables.SOUNDS.empty_table(), paths.sounds(INTERVIEWS), tables.SOUNDS)
    tables.write(tables.PICTURES.empty_table(), paths.pictures(INTERVIEWS), tables.PICTURES)
    tables.write_text(paths.reading(INTERVIEWS), json.dumps({"simulated": True}))
    rng = np.random.default_rng(4)
    vectors = [rng.normal(size=6).astype(np.float32) + 4 * np.eye(6)[row["turn"] % 3] for row in rows]
    extracted = [store.row(row["utterance_id"], v.astype(np.float32)) for row, v in zip(rows, vectors, strict=True)]
    card = {"extractor": "generated", "title": "generated", "settings": {}, "gives": "vector", "step_s": None}
    folder = paths.features(INTERVIEWS, "interviews-mid-term")
    store.write(folder, [tables.from_rows(extracted, store.EXTRACTED)], card)


def test_each_video_of_the_training_list_is_a_fold(interviews: None) -> None:
    features, experiments = recipe_book.entries("interviews", "leave-one-video-out", INTERVIEWS)
    ((name, recipe),) = experiments.items()
    shipped = config.load(paths.PARAMS)
    settings = shipped.model_copy(
        update={
            "features": {block: Extraction(**entry) for block, entry in features.items()},
            "experiments": {name: Experiment(**recipe)},
            "evaluate": shipped.evaluate.model_copy(update={"bootstrap": 100}),
            "runtime": shipped.runtime.model_copy(update={"workers": 1, "progress": "never"}),
        }
    )
    experiment.run(settings, name, each=each.local(settings.runtime))
    results = json.loads((paths.experiment(name) / "results.json").read_text())
    n_tested = VIDEOS["train"] * PER_VIDEO
    assert [fold["fold"] for fold in results["folds"]] == [f"group train-{video}" for video in range(VIDEOS["train"])]
    assert {fold["n_train"] for fold in results["folds"]} == {n_tested - PER_VIDEO}
    assert results["n"] == n_tested
    assert not results["leaky"]
    assert results["scores"]["uar"]["value"] > 0.8
