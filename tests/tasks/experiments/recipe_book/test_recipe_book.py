"""Every recipe of the book can be written down for a corpus of its kind, and works on paper."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tasks.core import config, paths
from tasks.core.config import Config, Corpus, Experiment, Extraction
from tasks.core.errors import ConfigError, InputError
from tasks.corpora import intake
from tasks.corpora.labels import LABEL_SETS
from tasks.corpora.readers import registry
from tasks.evaluation import protocols
from tasks.experiments import plan, recipe_book
from tasks.models.base import registry as models
from tasks.pages.leaderboard import published_scores

ROOT = Path(__file__).resolve().parents[4]
BENCH = "ser-bench"
LEAKY = "-random"
SOURCE = "source-"
FUSION = recipe_book.recipes("iemocap-fusion")


def reader(system: str, recipe: str) -> str:
    """Return the reader whose corpora a recipe is for; RAVDESS for those of any corpus."""
    of_recipe = recipe_book.stock(system, recipe).reader
    return "ravdess" if of_recipe == recipe_book.ANY else of_recipe


@cache
def bench() -> dict[str, Experiment]:
    """Every recipe of the benchmark, as params.yaml would hold it for a corpus called after its reader."""
    found = {}
    for recipe in recipe_book.recipes(BENCH):
        _, made = recipe_book.entries(BENCH, recipe, reader(BENCH, recipe))
        found[recipe] = Experiment(**next(iter(made.values())))
    return found


@pytest.mark.parametrize("system", recipe_book.systems())
def test_every_recipe_passes_its_own_checks(system: str, project: Path) -> None:
    readers = {reader(system, recipe) for recipe in recipe_book.recipes(system)}
    known = {one: {"reader": one, "path": "somewhere"} for one in sorted(readers)}
    intake.write_entries(paths.PARAMS, {"corpora": known})
    written: dict[str, dict[str, Any]] = {"features": {}, "experiments": {}}
    used: set[str] = set()
    for recipe in recipe_book.recipes(system):
        corpus = reader(system, recipe)
        features, experiments = recipe_book.entries(system, recipe, corpus)
        used |= {name.removeprefix(corpus) for name in features}
        assert set(experiments) == {f"{corpus}-{recipe}"}
        written["features"] |= features
        written["experiments"] |= experiments
    intake.write_entries(paths.PARAMS, written)
    settings = config.load(paths.PARAMS)
    plan.demand(settings)
    assert settings.corpora.items() >= {one: Corpus(**entry) for one, entry in known.items()}.items()
    assert "CORPUS" not in paths.PARAMS.read_text()
    pages = recipe_book._sections(system)["features"]
    assert len(pages) == len(used), "no page of the book is there for nothing"


@pytest.mark.parametrize("system", recipe_book.systems())
def test_what_the_book_says_about_recipes_is_about_recipes(system: str) -> None:
    sections = recipe_book._sections(system)
    assert set(sections) <= {"title", "readers", "minutes", "published", "models", "features", "experiments"}
    for key in ("readers", "minutes", "published"):
        for pattern in sections.get(key, {}):
            assert any(fnmatchcase(recipe, pattern) for recipe in recipe_book.recipes(system)), pattern
    assert all(recipe.title for recipe in recipe_book.all_recipes() if recipe.system == system)
    for recipe in recipe_book.recipes(system):
        registry.module(reader(system, recipe))


def test_recipes_for_other_corpora_are_not_offered() -> None:
    assert "functionals-svm" in recipe_book.recipes_for("acoustic", "ravdess")
    assert "functionals-intensities" not in recipe_book.recipes_for("acoustic", "ravdess")
    assert "functionals-intensities" in recipe_book.recipes_for("acoustic", "mosei")
    # a corpus that the system was not made for gets all, adapted as far as it allows
    assert recipe_book.recipes_for("iemocap-fusion", "meld") == FUSION


@pytest.mark.parametrize(
    "stock", [stock for stock in recipe_book.all_recipes() if stock.published], ids=lambda s: s.name
)
def test_published_scores_are_those_of_the_leaderboard(stock: recipe_book.StockRecipe) -> None:
    entry = recipe_book.entries(stock.system, stock.name, "mine")[1][f"mine-{stock.name}"]
    corpus = "mosei" if "-with-iemocap" in stock.name else stock.reader
    rows = published_scores.beside(corpus, entry["target"])
    metric = "micro_f1" if stock.published.startswith("micro F1") else "accuracy"
    published = {row.value for row in rows if row.source == stock.system and row.metric == metric}
    quoted = {float(number) for number in re.findall(r"0\.\d+", stock.published)}
    assert quoted
    assert quoted <= published
    assert not stock.published.endswith(", leaky") or any(
        row.leaky for row in rows if row.value in quoted and row.metric == metric and row.source == stock.system
    )


def test_the_usual_protocol_of_a_corpus() -> None:
    usual = {name: (recipe_book.convention(name) or ("",))[0] for name in (*registry.names(), "pool")}
    assert {name: usual[name] for name in ("tess", "iemocap", "meld", "ravdess", "savee")} == {
        "tess": "leave-one-speaker-out", "iemocap": "session-out", "meld": "official", "ravdess": "speaker-out(6)",
        "savee": "",
    }  # fmt: skip


def test_comments_of_params_stay(project: Path) -> None:
    before = paths.PARAMS.read_text()
    features, experiments = recipe_book.entries("acoustic", "functionals-svm", "mine")
    intake.write_entries(paths.PARAMS, {"features": features, "experiments": experiments})
    after = paths.PARAMS.read_text()
    lost = [line for line in before.splitlines() if line not in after.splitlines()]
    assert all(line.startswith(("features:", "experiments:")) for line in lost)


def test_what_the_book_lacks() -> None:
    with pytest.raises(
        InputError,
        match="found the system 'friends'; expected one of acoustic, iemocap-fusion, interviews, meld-text-audio, "
        "meld-trimodal, ser-bench",
    ):
        recipe_book.recipes("friends")
    with pytest.raises(InputError, match="has no recipe 'all'"):
        recipe_book.entries("acoustic", "all", "mine")


@pytest.mark.parametrize("recipe", recipe_book.recipes(BENCH))
def test_what_leaks_says_so_and_has_an_honest_sibling(recipe: str) -> None:
    entry = bench()[recipe]
    leaky = protocols.parse(entry.protocol).leaky
    assert leaky == (recipe.endswith(LEAKY) or recipe in {"source-tess-resnet-50", "source-tess-resnext-windows"})
    assert leaky == entry.note.endswith("; leaky")
    if leaky:
        honest = bench()[recipe.removesuffix(LEAKY).removeprefix(SOURCE)]
        assert not protocols.parse(honest.protocol).leaky
        assert (honest.target, honest.labels, honest.windows) == (entry.target, entry.labels, entry.windows)
        assert honest.model["name"] == entry.model["name"]
    if recipe.endswith(LEAKY):
        assert honest.model_copy(update={"protocol": entry.protocol, "note": entry.note}) == entry


@pytest.mark.parametrize("recipe", recipe_book.recipes(BENCH))
def test_a_recipe_has_as_many_classes_as_its_name_says(recipe: str) -> None:
    counted = {"three": 3, "four": 4, "five": 5, "six": 6, "seven": 7}
    entry, said = bench()[recipe], [n for word, n in counted.items() if word in recipe.split("-")]
    if said and entry.labels != "all":
        classes = LABEL_SETS[entry.labels] if isinstance(entry.labels, str) else entry.labels
        assert isinstance(classes, Mapping)
        assert len(set(classes.values())) == said[0]


@pytest.mark.parametrize("recipe", recipe_book.recipes(BENCH))
def test_a_window_fits_into_what_its_network_looks_at(recipe: str) -> None:
    entry = bench()[recipe]
    if entry.windows is None:
        return
    features, _ = recipe_book.entries(BENCH, recipe, "mine")
    settings = entry.model.get("mel") or next(iter(features.values())).get("settings", {})
    if "frames" in entry.model:
        assert entry.model["frames"] * settings["hop"] / settings["rate_hz"] == pytest.approx(entry.windows.length_s)
    else:
        assert entry.model["max_duration_s"] == entry.windows.length_s


def test_the_benchmark_is_whole() -> None:
    """Every corpus and every network of the source stands in the book, and both of its text encoders."""
    assert {reader(BENCH, recipe) for recipe in bench()} == {
        "ravdess", "tess", "crema-d", "iemocap", "mosei", "aesdd", "pool",
    }  # fmt: skip
    names = {str(entry.model["name"]) for entry in bench().values()}
    assert {
        "cnn-1d", "cnn-2d", "cnn-lstm", "alexnet", "resnet", "densenet", "resnext", "speech-fine-tuned", "fine-tuned",
        "fusion", "late-fusion",
    } <= names <= set(models.names())  # fmt: skip
    checkpoints = {entry.model.get("checkpoint") for entry in bench().values()}
    assert {"bert-base-uncased", "roberta-base", "jonatasgrosman/wav2vec2-large-xlsr-53-english"} <= checkpoints
    assert {entry.threshold for entry in bench().values()} == {0.5, 0.3, "tuned"}


@pytest.mark.parametrize("system", [BENCH, "iemocap-fusion", "meld-trimodal"])
def test_the_documents_tell_of_every_recipe(system: str) -> None:
    page = (ROOT / "docs" / f"{system}.md").read_text(encoding="utf-8")
    assert not [recipe for recipe in recipe_book.recipes(system) if f"`{recipe}`" not in page]


@pytest.mark.parametrize("recipe", [name for name in FUSION if not name.startswith(SOURCE)])
def test_endings_of_iemocap_fusion_change_protocol_and_rows_alone(recipe: str) -> None:
    whole, made = (
        Experiment(**next(iter(recipe_book.entries("iemocap-fusion", one, "iemocap")[1].values())))
        for one in (re.sub("(-seen)?-(random|improvised|scripts)$", "", recipe), recipe)
    )
    assert whole.protocol == "session-out"
    assert protocols.parse(made.protocol).leaky == recipe.endswith("-random") == made.note.endswith(", leaky")
    assert (made.branches_see == "everything") == ("-seen-" in recipe)
    own = {"protocol": made.protocol, "only": made.only, "branches_see": made.branches_see, "note": made.note}
    assert whole.model_copy(update=own) == made


@pytest.mark.parametrize("recipe", [name for name in FUSION if name.startswith(SOURCE)])
def test_source_recipes_of_iemocap_fusion_leak_as_the_source_did(recipe: str) -> None:
    entry = Experiment(**next(iter(recipe_book.entries("iemocap-fusion", recipe, "iemocap")[1].values())))
    assert protocols.parse(entry.protocol).leaky
    assert entry.note.endswith(", leaky")
    assert (entry.branches_see == "everything") == (entry.model["name"] == "fusion")
    assert recipe_book.stock("iemocap-fusion", recipe).published.endswith(", leaky")
    models_of = [*entry.model.get("branches", {}).values(), *([entry.model["last"]] if "last" in entry.model else [])]
    assert not any(model["restore_best"] for model in models_of or [entry.model]), "the source keeps the last epoch"


@pytest.mark.parametrize("recipe", recipe_book.recipes("meld-trimodal"))
def test_recipes_of_meld_trimodal_read_all_there_is_and_say_what_leaks(recipe: str) -> None:
    entry = Experiment(**next(iter(recipe_book.entries("meld-trimodal", recipe, "meld")[1].values())))
    of_source = recipe == "source-trimodal"
    assert entry.missing == ("left-out" if of_source else "kept")
    named = [one for blocks in entry.model["together"].values() for one in blocks]
    assert named == entry.features
    leaky = protocols.parse(entry.protocol).leaky
    assert (
        leaky == entry.note.endswith(", leaky") == (recipe in {"source-trimodal", "trimodal-random", "trimodal-seen"})
    )
    assert leaky == (entry.only == {"split": ["train"]}), "the source tests on a fifth of the training part"
    assert (entry.branches_see == "everything") == (recipe in {"source-trimodal", "trimodal-seen"})


def test_a_recipe_for_another_corpus_is_refused(settings: Config) -> None:
    features, experiments = recipe_book.entries(BENCH, "mosei-wav2vec2-emotions", "mine")
    wrong = settings.model_copy(
        update={
            "corpora": {"mine": Corpus(reader="ravdess", path="somewhere")},
            "features": {name: Extraction(**entry) for name, entry in features.items()},
            "experiments": {name: Experiment(**entry) for name, entry in experiments.items()},
        }
    )
    with pytest.raises(ConfigError, match="states no emotions"):
        plan.demand(wrong)


def test_experiments_of_the_book_have_its_published_score() -> None:
    reported = recipe_book.reported("meld-source-logistic-emotion", "meld", "meld")
    assert reported is not None
    assert (reported.system, reported.published) == ("meld-text-audio", "accuracy 0.481, leaky")
    assert recipe_book.reported("voices-source-logistic-emotion-tiny", "voices", "meld") == reported
    assert recipe_book.reported("mine", "meld", "meld") is None
    assert recipe_book.reported("meld-source-logistic-emotion", "tess", "tess") is None
    assert recipe_book.reported("voices-source-logistic-emotion", "voices", "tess") is None
