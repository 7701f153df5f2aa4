"""A recipe of the book is adapted to the corpus that it is written for, and says what was changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tasks.core import each, paths, tables
from tasks.core.config import Config, Corpus
from tasks.experiments import plan, plan_checks, recipe_book
from tasks.on_demand import recipe_adaptation, simulated_corpora
from tasks.on_demand.recipe_variants import with_entries
from tasks.stages import corpus

SVM = recipe_book.stock("acoustic", "functionals-svm")


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpora")
    for reader in ("tess", "iemocap", "meld", "aesdd"):
        simulated_corpora.make(reader, folder / reader)
    return folder


def adapted(settings: Config, path: Path, stock: recipe_book.StockRecipe = SVM) -> tuple[plan.Plan, list[str]]:
    config = settings.model_copy(update={"corpora": {"mine": Corpus(reader=path.name, path=str(path))}})
    features, experiments = recipe_book.entries(stock.system, stock.name, "mine")
    ((name, entry),) = experiments.items()
    changed, notes = recipe_adaptation.adapted(stock, features, name, entry, config)
    return plan.plan(name, with_entries(config, features, {name: changed})), notes


def test_two_speakers_are_tested_one_at_a_time(project: Path, settings: Config, corpora: Path) -> None:
    recipe, notes = adapted(settings, corpora / "tess")
    assert recipe.protocol.name == "leave-one-speaker-out"
    assert recipe.recipe.tune is not None
    assert recipe.recipe.tune.folds == 0, "there is a single speaker to learn from"
    assert len(notes) == 2
    assert "protocol leave-one-speaker-out instead of speaker-out(6): " in notes[0]
    assert "development rows" in notes[1]


@pytest.mark.parametrize("read", [False, True])
def test_the_utterance_table_counts_once_there_is_one(
    project: Path, settings: Config, corpora: Path, read: bool
) -> None:
    path = corpora / "tess"
    if read:
        config = settings.model_copy(update={"corpora": {"mine": Corpus(reader="tess", path=str(path))}})
        corpus.run(config, "mine", each=each.local(settings.runtime))
        path = Path("moved/tess")
    recipe, _ = adapted(settings, path)
    assert recipe.protocol.name == "leave-one-speaker-out"
    assert recipe.recipe.tune is not None and recipe.recipe.tune.folds == 0
    plan_checks.demand_corpus([recipe])
    assert paths.utterances("mine").is_file() == read


@pytest.mark.parametrize(("reader", "protocol", "declare"), [("iemocap", "session-out", []),
                                                             ("meld", "official", ["overlapping spans"])])  # fmt: skip
def test_a_corpus_with_a_custom_of_its_own(
    project: Path, settings: Config, corpora: Path, reader: str, protocol: str, declare: list[str]
) -> None:
    recipe, notes = adapted(settings, corpora / reader)
    assert (recipe.protocol.name, recipe.recipe.declare) == (protocol, declare)
    assert f"the protocol of most recipes for {reader} in the book" in notes[0]


def test_a_recipe_for_this_corpus_stays_as_it_is(project: Path, settings: Config, corpora: Path) -> None:
    stock = recipe_book.stock("ser-bench", "tess-cnn-1d-3")
    recipe, notes = adapted(settings, corpora / "tess", stock)
    assert (recipe.protocol.name, notes) == (stock.protocol, [])


def test_a_leaky_protocol_is_kept_it_is_there_to_be_compared(project: Path, settings: Config, corpora: Path) -> None:
    recipe, notes = adapted(settings, corpora / "tess", recipe_book.stock("ser-bench", "tess-cnn-1d-3-random"))
    assert (recipe.protocol.leaky, notes) == (True, [])


def test_a_corpus_that_cannot_be_read_yet_gets_its_custom(project: Path, settings: Config) -> None:
    recipe, _ = adapted(settings, Path("nowhere/tess"))
    assert recipe.protocol.name == "leave-one-speaker-out"


def test_a_corpus_of_few_speakers_that_the_book_does_not_have(
    project: Path, settings: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows(*_: Any) -> pa.Table:
        rows = [
            {"utterance_id": f"savee/{speaker}{n}", "corpus": "savee", "speaker": speaker, "group": speaker,
             "script": f"t{n}", "split": None, "emotion": ("anger", "neutral")[n % 2], "native_label": "a",
             "audio": "a.wav", "text": None, "video": None, "weight": None, "label_source": "corpus"}
            for speaker in "abcd" for n in range(6)
        ]  # fmt: skip
        return tables.from_rows(rows, tables.UTTERANCES)

    monkeypatch.setattr(recipe_adaptation, "_rows", rows)
    recipe, notes = adapted(settings, Path("nowhere/savee"))
    assert recipe.protocol.name == "leave-one-speaker-out"
    assert notes == [
        "mine-functionals-svm: protocol leave-one-speaker-out instead of speaker-out(6): speaker-out(6) needs 6 "
        "speakers or more, and there are 4"
    ]


@pytest.mark.parametrize(("reader", "recipe", "reason"), [("aesdd", "whisper", ""), ("iemocap", "whisper-text", ""),
                                                          ("aesdd", "whisper-text", "aesdd has none")])  # fmt: skip
def test_a_recipe_that_needs_text_cannot_be_used_without(
    project: Path, settings: Config, corpora: Path, reader: str, recipe: str, reason: str
) -> None:
    config = settings.model_copy(update={"corpora": {"mine": Corpus(reader=reader, path=str(corpora / reader))}})
    features, experiments = recipe_book.entries("speech-models", recipe, "mine")
    ((name, entry),) = experiments.items()
    lacking = recipe_adaptation.lacking(features, name, entry, config)
    assert bool(lacking) == bool(reason)
    assert lacking.endswith(reason)
