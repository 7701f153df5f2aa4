"""A project with trained models of a small corpus with media: clips, and a recording with captions."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tasks.core import config, each, paths
from tasks.core.code_version import ROOT
from tasks.core.config import Config, Corpus, Experiment, Extraction
from tasks.stages import corpus, experiment, extract
from tests.tasks.conftest import _voice

SENTIMENTS = ("negative", "neutral", "positive")
WORDS = {
    "negative": "that terrible winter weather ruined every single concert",
    "neutral": "several people took the morning train towards Vienna",
    "positive": "our lovely neighbours brought wonderful strawberry cakes",
}
RATE_HZ = 16_000
RECIPE: dict[str, Any] = {"corpus": "toy", "target": "sentiment", "protocol": "official"}
EXPERIMENTS: dict[str, dict[str, Any]] = {
    "voice": {
        "features": ["functionals"], "model": {"name": "linear-svm"}, "tune": {"grid": {"c": [0.01, 0.1]}, "folds": 2},
    },
    "source": {"features": ["mid-term"], "model": {"name": "linear-svm", "c": 0.01}, "balance": "smote"},
    "adapted": {
        "features": ["functionals"], "model": {"name": "logistic", "c": 0.01}, "protocol": "speaker-out(3)",
        "adapt": {"clips": 10}, "exclude": ["plain/talk*"],
    },
    "words": {"features": ["text"], "model": {"name": "tf-idf"}},
    "frames": {
        "features": ["mfcc"], "model": {"name": "bilstm", "epochs": 1}, "windows": {"length_s": 0.8, "hop_s": 0.4},
        "clips": {"by": "mean", "floor": 0.34},
    },
    "lacking": {
        "features": ["mid-term", "embedding"], "missing": "kept",
        "model": {"name": "cross-modal", "epochs": 1, "projection": 8, "hidden": 8, "heads": 2},
    },
    "both": {"features": ["functionals", "text"], "model": {"name": "late-fusion", "branches": {
        "vector": {"name": "logistic"}, "text": {"name": "tf-idf"}}}},
}  # fmt: skip


def write_corpus(folder: Path) -> None:
    """Write clips of six speakers, and one recording of a seventh with three utterances in it."""
    rng = np.random.default_rng(5)
    lines = ["audio,start_s,end_s,speaker,group,turn,sentiment,text,split"]
    folder.mkdir(parents=True)
    for speaker in range(6):
        for take in range(6):
            sentiment = SENTIMENTS[(speaker + take) % 3]
            name, part = f"s{speaker}-{take}.wav", "test" if speaker > 3 else "train"
            soundfile.write(folder / name, _voice(sentiment, rng.uniform(0.9, 1.4), rng), RATE_HZ, subtype="PCM_16")
            group = f"g{speaker}-{take}"
            lines.append(f"{name},,,s{speaker},{group},,{sentiment},{WORDS[sentiment]} {take},{part}")
    parts = [_voice(sentiment, 3.0, rng) for sentiment in SENTIMENTS]
    soundfile.write(folder / "talk.flac", np.concatenate(parts), RATE_HZ, subtype="PCM_16")
    cues = ["WEBVTT"]
    for number, sentiment in enumerate(SENTIMENTS):
        start_s, end_s = 3.0 * number + 0.25, 3.0 * number + 2.875
        text = f"{WORDS[sentiment]} once again"
        lines.append(f"talk.flac,{start_s},{end_s},s9,g9,{number},{sentiment},{text},test")
        cues.append(f"00:00:0{start_s:.3f} --> 00:00:0{end_s:.3f}\n{text}")
    (folder / "talk.vtt").write_text("\n\n".join(cues) + "\n")
    (folder / "utterances.csv").write_text("\n".join(lines) + "\n")


def settings() -> Config:
    """Return the settings of the project."""
    shipped = config.load(ROOT / paths.PARAMS)
    return shipped.model_copy(
        update={
            "corpora": {"toy": Corpus(reader="plain", path="media")},
            "features": {
                **{
                    name: Extraction(corpus="toy", extractor=name)
                    for name in ("functionals", "mid-term", "text", "mfcc")
                },
                "embedding": Extraction(corpus="toy", extractor="text-embedding", settings={"checkpoint": "tiny:text"}),
            },
            "experiments": {name: Experiment(**{**RECIPE, **entry}) for name, entry in EXPERIMENTS.items()},
            "evaluate": shipped.evaluate.model_copy(update={"bootstrap": 100}),
        }
    )


@pytest.fixture(scope="session")
def _built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("applying") / "project"
    folder.mkdir()
    shutil.copy(ROOT / paths.PARAMS, folder)
    write_corpus(folder / "media")
    made = settings()
    alone = each.local(made.runtime.model_copy(update={"workers": 1, "progress": "never"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        corpus.run(made, "toy", each=alone)
        for name in made.features:
            extract.run(made, name, each=alone)
        for name in made.experiments:
            experiment.run(made, name, each=alone)
    return folder


@pytest.fixture
def trained(_built: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Config]:
    """Settings of a project with trained models, which is the current folder; tests change nothing in it."""
    monkeypatch.chdir(_built)
    yield settings()
