"""The book of recipes in the terminal: by corpus and system, with needs, time and published score."""

from __future__ import annotations

import pytest

from flows.cli.screens import recipe_book as book_screen
from tasks.core.config import Config, Corpus
from tasks.experiments import recipe_book


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "240")


def test_every_recipe_is_listed_with_what_it_needs(settings: Config, capsys: pytest.CaptureFixture[str]) -> None:
    corpora = {"acted": Corpus(reader="ravdess", path="somewhere")}
    book_screen.show(settings.model_copy(update={"corpora": corpora}))
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split("│")[1:-1] for line in lines if line.startswith("│")]
    names = [row[0].strip() for row in rows]
    assert [recipe.name for recipe in recipe_book.all_recipes() if recipe.name not in names] == []
    (cnn,) = (row for row in rows if row[0].strip() == "ravdess-cnn-1d-3-eight")
    assert [cell.strip() for cell in cnn[1:]] == ["sound", "about 7 min", ""]
    (densenet,) = (row for row in rows if row[0].strip() == "ravdess-densenet-eight")
    assert densenet[1].strip() == "sound, timm/densenet201.tv_in1k"
    assert densenet[3].strip() == "accuracy 0.66, leaky"
    (trimodal,) = (row for row in rows if row[0].strip() == "trimodal")
    assert trimodal[1].strip().startswith("text, sound, video, all-MiniLM-L6-v2, facebook/wav2vec2-base-960h")
    assert any(line.startswith("Corpora of the reader ravdess: acted") for line in lines)


def test_recipes_for_one_corpus(settings: Config, capsys: pytest.CaptureFixture[str]) -> None:
    book_screen.show(settings, "tess")
    out = capsys.readouterr().out
    assert "tess-cnn-1d-3" in out
    assert "functionals-svm" in out, "a recipe for any corpus"
    assert "ravdess-cnn-1d-3-eight" not in out


@pytest.mark.parametrize(
    ("minutes", "shown"), [(0, "–"), (7, "about 7 min"), (78, "about 78 min"), (600, "about 10 h")]
)
def test_times_are_rounded(minutes: float, shown: str) -> None:
    assert book_screen._time(minutes) == shown
