"""The stage `checkpoint@NAME`: the fingerprint of weights, and what is said where there are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.core import each, paths
from tasks.core.config import Config
from tasks.core.errors import InputError
from tasks.features.base import checkpoints
from tasks.stages import checkpoint


def test_the_fingerprint_is_that_of_the_weights(
    project: Path, settings: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "fingerprint", lambda path: f"digest of {path}")
    config = settings.model_copy(update={"checkpoints": {"tiny": "weights/tiny"}})
    checkpoint.run(config, "tiny", each=each.local(config.runtime))
    assert json.loads(paths.fingerprint("tiny").read_text()) == {"sha256": "digest of weights/tiny"}


def test_a_checkpoint_that_is_missing(project: Path, settings: Config) -> None:
    config = settings.model_copy(update={"checkpoints": {"tiny": "./weights"}})
    with pytest.raises(InputError, match="no checkpoint 'other'; it has tiny"):
        checkpoint.run(config, "other", each=each.local(config.runtime))
    with pytest.raises(InputError, match=r"checkpoint \./weights"):
        checkpoint.run(config, "tiny", each=each.local(config.runtime))
