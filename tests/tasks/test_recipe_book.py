"""Every recipe of the book can be written down for a corpus of its kind, and works on paper."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks import config, intake, paths, recipe_book
from tasks.config import Corpus
from tasks.errors import InputError
from tasks.experiments import plan

READERS = {"meld-text-audio": "meld", "acoustic": "ravdess"}


@pytest.mark.parametrize("system", recipe_book.systems())
def test_every_recipe_passes_its_own_checks(system: str, project: Path) -> None:
    intake.write_entries(paths.PARAMS, {"corpora": {"mine": {"reader": READERS[system], "path": "somewhere"}}})
    used: set[str] = set()
    for recipe in recipe_book.recipes(system):
        features, experiments = recipe_book.entries(system, recipe, "mine")
        used |= set(features)
        assert set(experiments) == {f"mine-{recipe}"}
        intake.write_entries(paths.PARAMS, {"features": features, "experiments": experiments})
    settings = config.load(paths.PARAMS)
    plan.demand(settings)
    assert settings.corpora == {"mine": Corpus(reader=READERS[system], path="somewhere")}
    assert "CORPUS" not in paths.PARAMS.read_text()
    pages = recipe_book._pages(system)["features"]
    assert len(pages) == len(used), "no page of the book is there for nothing"


def test_comments_of_params_stay(project: Path) -> None:
    before = paths.PARAMS.read_text()
    features, experiments = recipe_book.entries("acoustic", "functionals-svm", "mine")
    intake.write_entries(paths.PARAMS, {"features": features, "experiments": experiments})
    after = paths.PARAMS.read_text()
    lost = [line for line in before.splitlines() if line not in after.splitlines()]
    assert all(line.startswith(("features:", "experiments:")) for line in lost)


def test_what_the_book_lacks() -> None:
    with pytest.raises(InputError, match="no system 'friends'; it has acoustic, meld-text-audio"):
        recipe_book.recipes("friends")
    with pytest.raises(InputError, match="has no recipe 'all'"):
        recipe_book.entries("acoustic", "all", "mine")
