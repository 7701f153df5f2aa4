"""The API on a project: tables, features, results and the trained model, from another folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import undertone as ut
from tasks.core import config, each, paths
from tasks.core.code_version import ROOT
from tasks.corpora import intake
from tasks.stages import corpus, experiment, extract
from tests.tasks.conftest import _voice

SENTIMENTS = ("negative", "neutral", "positive")
ENTRIES = {
    "corpora": {"toy": {"reader": "plain", "path": "media"}},
    "features": {
        "toy-mid-term": {"corpus": "toy", "extractor": "mid-term"},
        "toy-mfcc": {"corpus": "toy", "extractor": "mfcc", "settings": {"n_mfcc": 13}},
        "toy-text": {"corpus": "toy", "extractor": "text"},
    },
    "experiments": {
        "toy-ridge": {
            "corpus": "toy",
            "target": "sentiment",
            "protocol": "speaker-out(3)",
            "features": ["toy-mid-term"],
            "model": {"name": "ridge-classifier"},
        },
        "not-run": {
            "corpus": "toy", "target": "sentiment", "protocol": "speaker-out(3)", "features": ["toy-mid-term"],
            "model": {"name": "linear-svm"},
        },
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one experiment on 27 clips of nine speakers."""
    import soundfile

    place = tmp_path_factory.mktemp("api") / "project"
    (place / "media").mkdir(parents=True)
    shutil.copy(ROOT / "params.yaml", place)
    rng, lines = np.random.default_rng(5), ["audio,speaker,sentiment,text"]
    for speaker in range(9):
        for take, sentiment in enumerate(SENTIMENTS):
            name = f"s{speaker}-{take}.wav"
            soundfile.write(place / "media" / name, _voice(sentiment, 1.5, rng), 16_000, subtype="PCM_16")
            lines.append(f"{name},s{speaker},{sentiment},some {sentiment} words")
    (place / "media" / "utterances.csv").write_text("\n".join(lines) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        intake.write_entries(paths.PARAMS, ENTRIES)
        settings = config.load(paths.PARAMS)
        alone = each.local(settings.runtime.model_copy(update={"workers": 1, "progress": "never"}))
        corpus.run(settings, "toy", each=alone)
        for name in ("toy-mid-term", "toy-mfcc", "toy-text"):
            extract.run(settings, name, each=alone)
        experiment.run(settings, "toy-ridge", each=alone)
    return place


def test_utterances_and_features_have_one_index(folder: Path) -> None:
    utterances = ut.utterances("toy", project=folder)
    assert utterances.index.name == "utterance_id"
    assert len(utterances) == 27
    vectors = ut.features("toy-mid-term", project=folder)
    assert vectors.shape == (27, 136)
    assert set(vectors.index) == set(utterances.index)
    name = str(utterances.index[0])
    samples, rate = ut.read_sound(folder / "media" / utterances.loc[name, "audio"])
    expected = ut.extractor("mid-term")(samples, rate)
    pd.testing.assert_series_equal(vectors.loc[name], expected, check_names=False)
    assert vectors.attrs["card"]["extractor"] == "mid-term"
    sequences = ut.features("toy-mfcc", project=folder)
    assert sequences.index.names == ["utterance_id", "step"]
    assert sequences.loc[name].shape == ut.extractor("mfcc", n_mfcc=13)(samples, rate).shape
    assert ut.features("toy-text", project=folder).loc[name, "text"] == utterances.loc[name, "text"]


def test_results_of_an_experiment(folder: Path) -> None:
    results = ut.experiment("toy-ridge", project=folder)
    predictions = results.predictions
    recipe = predictions[predictions["variant"] == "recipe"]
    assert len(recipe) == 27
    accuracy = (recipe["actual"] == recipe["predicted"]).mean()
    assert results.scores.loc["accuracy", "value"] == pytest.approx(accuracy)
    assert results.metrics["scores"]["accuracy"]["value"] == pytest.approx(accuracy)
    assert results.audit.passed
    assert "toy-ridge" in repr(results)


def test_the_trained_model_scores_features_and_media(folder: Path) -> None:
    model = ut.experiment("toy-ridge", project=folder).model
    assert model.outputs == SENTIMENTS
    features = ut.features("toy-mid-term", project=folder)
    scores = model.scores(features)
    assert scores.shape == (27, 3)
    predicted = model.predict(features)
    assert (predicted == scores.idxmax(axis=1)).all()
    name = features.index[0]
    clip = folder / "media" / name.rpartition("/")[2]
    clip = clip if clip.suffix else clip.with_suffix(".wav")
    row = ut.apply("toy-ridge", clip, by="file", project=folder).iloc[0]
    assert row["predicted"] == predicted[name]
    assert row["end_s"] == 1.5
    with pytest.raises(ut.InputError, match="toy-mid-term is missing"):
        model.scores({"toy-mfcc": features})


def test_an_exported_model_is_applied_without_a_project(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wav: Callable[..., Path]
) -> None:
    from tasks.on_demand.applying import export

    with monkeypatch.context() as patch:
        patch.chdir(folder)
        export.export("toy-ridge", tmp_path / "exported", config.load(paths.PARAMS))
    monkeypatch.chdir(tmp_path)
    table = ut.apply("exported", wav(9.0))
    assert table["start_s"].tolist() == [0.0, 4.0, 8.0][: len(table)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["exported", "tone.wav"], "nothing is left behind"


def test_what_is_missing_is_explained(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ut.InputError, match=r"is no project: it has no params.yaml. Name its folder: project=FOLDER"):
        ut.utterances(project=tmp_path)
    with pytest.raises(ut.ConfigError, match="there is no corpus 'toi'; did you mean toy"):
        ut.utterances("toi", project=folder)
    with pytest.raises(ut.ConfigError, match="there are no features 'mid-term'"):
        ut.features("mid-term", project=folder)
    with pytest.raises(ut.InputError, match="in the project's folder, run: undertone experiment run not-run"):
        ut.experiment("not-run", project=folder)
    with pytest.raises(ut.InputError, match="there is no trained model of this name"):
        ut.apply("not-run", "x.wav", project=folder)
    with pytest.raises(ut.InputError, match="there is no such file"):
        ut.apply("toy-ridge", "none.wav", project=folder)
