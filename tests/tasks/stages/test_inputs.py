"""The stage `inputs@NAME`: digests of the feature sets that a recipe reads, and of no others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.core import each, paths
from tasks.core.config import Config
from tasks.core.errors import InputError
from tasks.stages import inputs


def digests(config: Config) -> dict[str, str]:
    inputs.run(config, "trial", each=each.local(config.runtime))
    written: dict[str, str] = json.loads(paths.inputs("trial").read_text())
    return written


def test_the_recipes_feature_sets_are_digested(toy: Callable[..., Config]) -> None:
    config = toy()
    first = digests(config)
    assert list(first) == config.experiments["trial"].features
    assert digests(config) == first
    other = paths.features("toy", "not-in-the-recipe")
    other.mkdir()
    (other / "index.parquet").write_text("x")
    assert digests(config) == first
    folder = paths.features("toy", next(iter(first)))
    changed = next(path for path in sorted(folder.rglob("*")) if path.is_file())
    changed.write_bytes(changed.read_bytes() + b"x")
    assert digests(config) != first


def test_features_that_are_not_there(toy: Callable[..., Config]) -> None:
    config = toy()
    name = config.experiments["trial"].features[0]
    for path in paths.features("toy", name).rglob("*"):
        path.unlink()
    with pytest.raises(InputError, match=f"run: undertone run extract@{name}"):
        digests(config)
    assert not Path(paths.inputs("trial")).exists()
