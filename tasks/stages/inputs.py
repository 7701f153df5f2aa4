"""Stage inputs@NAME: digests of the feature sets that a recipe reads; other sets of its corpus do not concern it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tasks.core import paths, tables
from tasks.core.config import Config
from tasks.core.each import Each
from tasks.core.errors import InputError


def run(config: Config, name: str, *, each: Each) -> None:
    """Write `data/inputs/NAME/digests.json`: feature set → digest of its files; there are no items for `each`.

    Args:
        config: all settings
        name: of the experiment
        each: unused

    Raises:
        InputError: if a feature set has not been extracted
    """
    recipe = config.experiments[name]
    digests = {features: _digest(paths.features(recipe.corpus, features)) for features in recipe.features}
    tables.write_text(paths.inputs(name), json.dumps(digests, indent=2) + "\n")


def _digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise InputError(f"{folder}: expected features, found nothing; run: undertone run extract@{folder.name}")
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(path.relative_to(folder).as_posix().encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
