"""Label quality on real ratings and rated sentences, and the time for many captions (docs/labels.md)."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tasks.core import paths, tables
from tasks.core.config import Config
from tasks.evaluation.scores import Bootstrap
from tasks.features.base import sentence_encoder, sentence_files
from tasks.labelling.base.registry import load as voter
from tasks.labelling.base.vote import CastVotes, polarities_of
from tasks.labelling.learned import selection as learned
from tasks.labelling.learned import text_inputs, training
from tasks.labelling.learned.selection import FrozenTrainer, HeadRows
from tasks.labelling.learned.text_inputs import TextInputs
from tasks.labelling.learned.training import VoterRecipe
from tasks.labelling.learned.training_texts import TrainingTexts
from tasks.labelling.quality import label_quality, rated_texts, selection
from tasks.labelling.quality.selection import RatedVotes
from tasks.labelling.votes import vote_columns
from tasks.labelling.votes.combine import Thresholds
from tasks.on_demand import published_votes
from tasks.stages import polarity
from tasks.text.words import without_stop_words

N_CAPTIONS, MOST_S, MOST_MB = 100_000, 60, 2_000
_PLAIN = "the table we went to that house and said it was there when they had a long day with some people"
_LOADED = "love hate good bad terrible wonderful not never very happy sad awful great nice poor sorry fun"
LEXICONS = ("vader", "textblob", "afinn")


@pytest.mark.real
def test_labels_for_every_caption_of_the_source(real_data: Path, settings: Config) -> None:
    """0.789 is reproduced; the sign of the mean vote without hedges is the one choice made on these rows."""
    comparison = published_votes.compare(real_data / "votes" / "train_votes.csv", settings)
    rows = {row.label: row for row in comparison.rows}
    assert rows["published labels"].macro_f1 == pytest.approx(0.789, abs=5e-4)
    assert rows["vader alone"].macro_f1 == pytest.approx(0.789, abs=5e-4)
    best = rows["sign of the mean vote, hedges taken out"]
    assert best.n == 100
    assert best.macro_f1 >= 0.82
    assert min(comparison.listeners.leave_one_out.values()) > 0.85
    assert comparison.curve[0].coverage == 1.0
    assert comparison.curve[-1].coverage < 0.6


@pytest.mark.real
@pytest.mark.bench
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("encoder", [None, "minilm", "mpnet"])
def test_stacking_on_rated_sentences(
    encoder: str | None, real_data: Path, settings: Config, fetched: Callable[[str], Path]
) -> None:
    """Lexicons, and a learned voter by its votes on sentences that it has not seen; folds over articles and tweets."""
    texts = rated_texts.read(sorted((real_data / "rated_text").glob("*.txt")))
    asked = settings.polarity.model_copy(update={"voters": list(LEXICONS)})
    cast = polarity.cast(texts.texts, polarity.voting_settings(asked))
    if encoder:
        fetched({"minilm": "all-minilm-l6-v2", "mpnet": "all-mpnet-base-v2"}[encoder])
        cast["learned"] = CastVotes(*_learned_votes(encoder, texts))
    votes, chances = vote_columns.side_by_side(cast.values())
    rated = RatedVotes(tuple(cast), votes, chances, texts.labels, texts.groups)
    choice = selection.choose(rated, Bootstrap(2000, 0.95, settings.evaluate.seed))
    for row in [*choice.table, {"name": "the selection itself", **(choice.nested or {})}]:
        print(row["name"], row["macro_f1"], row["per_class"])
    assert choice.name == "stacking"
    assert choice.nested is not None
    assert choice.nested["macro_f1"]["value"] >= {None: 0.68, "minilm": 0.73, "mpnet": 0.77}[encoder]
    negative = choice.nested["per_class"]["negative"]
    assert min(negative["recall"], negative["precision"]) >= 0.70


def _learned_votes(encoder: str, texts: rated_texts.RatedTexts) -> tuple[np.ndarray, np.ndarray]:
    """Return polarities and probabilities of a learned voter in folds over articles and tweets."""
    loaded = sentence_encoder.load(sentence_files.find(encoder, "int8"))
    inputs = TextInputs(loaded, text_inputs.default_layers(loaded.n_layers), LEXICONS)
    bare = [without_stop_words(text) for text in texts.texts]
    rows = HeadRows(inputs.of(texts.texts), inputs.of(bare), texts.labels, texts.groups)
    held_out = learned.held_out(FrozenTrainer(rows, 7), texts.labels, texts.groups, 7, print)
    return polarities_of(held_out.plain), held_out.plain


@pytest.mark.real
@pytest.mark.bench
@pytest.mark.timeout(1800)
def test_four_voters_together_are_better_than_the_best_alone(
    real_data: Path, settings: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fetched: Callable[[str], Path]
) -> None:
    """Three lexicons and a voter trained on MELD, on sentences that none of them was trained on."""
    fetched("all-minilm-l6-v2")
    monkeypatch.chdir(tmp_path)
    bootstrap = Bootstrap(2000, 0.95, settings.evaluate.seed)
    card = training.learn(
        "sitcom", [meld(real_data)], paths.VOTERS / "sitcom", recipe=VoterRecipe(), bootstrap=bootstrap, say=print
    )
    print(f"\nsitcom on dialogues it has not seen: {card['held_out']['macro_f1']}")
    texts = rated_texts.read(sorted((real_data / "rated_text").glob("*.txt")))
    voter.cache_clear()
    asked = settings.polarity.model_copy(update={"voters": [*LEXICONS, "sitcom"]})
    cast = polarity.cast(texts.texts, polarity.voting_settings(asked))
    votes, _ = vote_columns.side_by_side(cast.values())
    judged = label_quality.VotedTexts(
        texts.texts, votes, asked.voters, texts.labels, texts.groups, np.ones(len(texts.texts), dtype=bool)
    )
    report = label_quality.measured(judged, "label-model", Thresholds(0.0, 0.0), bootstrap)
    for row in report["voters"]:
        print(row["name"], row["gold"]["macro_f1"], row["gold"]["accuracy"])
    for row in report["combinations"]:
        print(row["name"], row["coverage"], row["everywhere"]["macro_f1"], row["everywhere"]["accuracy"], row["gain"])
    model = next(row for row in report["combinations"] if row["name"] == "label-model")
    assert model["gain"]["over"] == "vader"
    assert model["gain"]["low"] > 0


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_many_captions_are_voted_on_combined_and_analysed_in_a_minute(project: Path) -> None:
    """All captions differ; each stage runs in its own process, on all cores."""
    say(N_CAPTIONS)
    started = time.perf_counter()
    for stage in ("polarity", "labels"):
        subprocess.run([sys.executable, "-m", "tasks", stage], check=True, cwd=project)
        print(f"\n{stage}: {time.perf_counter() - started:.1f} s since the start")
    seconds = time.perf_counter() - started
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{N_CAPTIONS:,} captions: {seconds:.1f} s, {peak_mb:.0f} MB in the largest process")
    assert tables.read(paths.VOTES, tables.VOTES).num_rows == N_CAPTIONS
    assert seconds < MOST_S
    assert peak_mb < MOST_MB


def meld(real_data: Path) -> TrainingTexts:
    """Return MELD's official training part."""
    import csv

    with (real_data / "meld" / "train_sent_emo.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return TrainingTexts(
        [row["Utterance"] for row in rows],
        np.array([row["Sentiment"] for row in rows]),
        np.array([row["Dialogue_ID"] for row in rows]),
        "MELD's training part",
        "GPL-3.0",
    )


def say(n_captions: int) -> None:
    """Write captions of 200 videos: six to sixteen words, some of them with a polarity."""
    rng = np.random.default_rng(8)
    pool = np.array(_PLAIN.split() * 3 + _LOADED.split())
    rows = []
    for number in range(n_captions):
        video, turn = divmod(number, n_captions // 200)
        words = rng.choice(pool, int(rng.integers(6, 17)))
        split = "test" if video % 4 == 0 else "train"
        rows.append(
            {
                "utterance_id": f"weak/{split}-{video}/{turn:04d}", "corpus": "weak", "group": f"{split}-{video}",
                "turn": turn, "audio": f"{video}.flac", "start_s": turn * 4.0, "end_s": turn * 4.0 + 3.5,
                "text": f"{' '.join(words)} {number}", "text_source": "manual", "split": split,
            }
        )  # fmt: skip
    table = tables.from_rows(rows, tables.UTTERANCES).sort_by("utterance_id")
    tables.write(table, paths.UTTERANCES, tables.UTTERANCES)
