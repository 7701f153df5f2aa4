"""Learned voters on 9,390 rated sentences, and the time for many captions (docs/labels.md, "Learned voters")."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.core import paths, tables
from tasks.core.config import Config
from tasks.evaluation.scores import Bootstrap
from tasks.labelling.learned import training
from tasks.labelling.learned.training import VoterRecipe
from tasks.labelling.learned.training_texts import TrainingTexts
from tasks.labelling.quality import rated_texts
from tests.tasks.labelling.quality import test_measured_labels as measured_labels

N_CAPTIONS, MOST_S, MOST_MB = 100_000, 180, 2_000
NAMES = {"minilm": "all-minilm-l6-v2", "mpnet": "all-mpnet-base-v2"}
LEAST = {"minilm": 0.70, "mpnet": 0.72}


def rated(real_data: Path) -> list[TrainingTexts]:
    """Return editorials and tweets, each a source of its own."""
    sources = []
    for path in sorted((real_data / "rated_text").glob("*.txt")):
        texts = rated_texts.read([path])
        sources.append(TrainingTexts(texts.texts, texts.labels, texts.groups, path.name, "MIT"))
    return sources


@pytest.mark.real
@pytest.mark.bench
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("encoder", [*NAMES])
def test_learned_voters_on_rated_sentences(
    encoder: str, real_data: Path, settings: Config, tmp_path: Path, fetched: Callable[[str], Path]
) -> None:
    """Nested folds over articles and tweets; then trained on one source and tested on the other."""
    fetched(NAMES[encoder])
    bootstrap = Bootstrap(2000, 0.95, settings.evaluate.seed)
    card = training.learn(
        encoder, rated(real_data), tmp_path / encoder, recipe=VoterRecipe(encoder), bootstrap=bootstrap, say=print
    )
    held_out = card["held_out"]
    print(json.dumps({key: card[key] for key in ("chosen", "held_out", "across_sources")}, indent=1))
    assert held_out["macro_f1"]["value"] >= LEAST[encoder]
    assert held_out["renderings"][0]["lexicon"]["gain"]["low"] >= (0.04 if encoder == "mpnet" else 0.03)
    # without stop words, capitals, punctuation: the lexicon on the same texts
    assert all(entry["lexicon"]["gain"]["low"] > 0 for entry in held_out["renderings"])
    negative = held_out["per_class"]["negative"]
    assert min(negative["recall"], negative["precision"]) >= 0.70
    assert held_out["calibration_error"] <= 0.05
    if encoder == "mpnet":
        for entry in card["across_sources"]:
            assert all(part["lexicon"]["gain"]["value"] > 0 for part in entry["renderings"][:2])


@pytest.mark.bench
@pytest.mark.timeout(900)
def test_many_captions_with_a_learned_voter(
    project: Path, settings: Config, fetched: Callable[[str], Path], real_data: Path
) -> None:
    """The three lexicons and a learned int8 voter; all captions differ; on all cores."""
    fetched(NAMES["minilm"])
    few = [_first(source, 600) for source in rated(real_data)]
    bootstrap = Bootstrap(100, 0.95, 0)
    training.learn(
        "sentences", few, paths.VOTERS / "sentences", recipe=VoterRecipe(), bootstrap=bootstrap, say=lambda _: None
    )
    text = Path("params.yaml").read_text()
    changed = text.replace("voters: [vader, textblob, afinn]", "voters: [vader, textblob, afinn, sentences]")
    assert changed != text
    Path("params.yaml").write_text(changed)
    measured_labels.say(N_CAPTIONS)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    before = used.ru_utime + used.ru_stime
    started = time.perf_counter()
    for stage in ("polarity", "labels"):
        subprocess.run([sys.executable, "-m", "tasks", stage], check=True, cwd=project)
        print(f"\n{stage}: {time.perf_counter() - started:.1f} s since the start")
    seconds = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak_mb, computing_s = used.ru_maxrss / 1024, used.ru_utime + used.ru_stime - before
    print(f"{N_CAPTIONS:,} captions: {seconds:.1f} s, {computing_s:.1f} s of computing, {peak_mb:.0f} MB in a process")
    assert tables.read(paths.VOTES, tables.VOTES).num_rows == N_CAPTIONS
    assert seconds < MOST_S
    assert peak_mb < MOST_MB


def _first(source: TrainingTexts, n: int) -> TrainingTexts:
    parts: dict[str, Any] = {"texts": source.texts[:n], "labels": source.labels[:n], "groups": source.groups[:n]}
    return TrainingTexts(**parts, source=source.source, licence=source.licence)
