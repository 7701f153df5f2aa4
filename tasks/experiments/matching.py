"""Match of an experiment's results with its recipe: a digest of the settings that decide them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from tasks.core.config import Config, Section

DIGEST = "recipe_sha256"
"""Key of the digest in `results.json` and in the model's card."""


def digest(name: str, config: Config) -> str:
    """Return the digest of an experiment's recipe, its features, its corpus, and the section `evaluate`.

    Notes do not count. Values that are the defaults are left out, so that a setting that a later version adds does not
    change the digest.

    Args:
        name: of the experiment
        config: all settings
    """
    recipe = config.experiments[name]
    sections: dict[str, Section | None] = {f"features.{part}": config.features.get(part) for part in recipe.features}
    sections |= {"experiment": recipe, "corpus": config.corpora.get(recipe.corpus), "evaluate": config.evaluate}
    stated = {
        key: section and section.model_dump(mode="json", exclude={"note"}, exclude_defaults=True)
        for key, section in sections.items()
    }
    return hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()


def matches(metrics: Mapping[str, Any], name: str, config: Config) -> bool:
    """Return whether results are those of the recipe as it is in params.yaml now.

    Args:
        metrics: content of `results.json`, or of the model's card; those of older versions have no digest
        name: of the experiment
        config: all settings
    """
    return bool(metrics.get(DIGEST) == digest(name, config))
