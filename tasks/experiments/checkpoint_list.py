"""The section `checkpoints` of params.yaml: local folders and files of pretrained weights, which DVC watches.

Checkpoints on the Hugging Face hub or from a package are not listed: they do not change under their name.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path

from tasks.core import artifacts, paths
from tasks.core.config import Config
from tasks.corpora.intake import write_entries
from tasks.experiments import plan

_LOG = logging.getLogger("undertone")


def registered(config: Config) -> Config:
    """Add local checkpoints that recipes and features name to params.yaml, and return the settings with them.

    Args:
        config: all settings; invalid recipes are reported elsewhere
    """
    listed = set(config.checkpoints.values())
    missing = [name for name in plan.checkpoints(config) if name not in listed and _exists(name)]
    if not missing:
        return config
    entries: dict[str, str] = {}
    for checkpoint in missing:
        entries[_free_name(checkpoint, {**config.checkpoints, **entries})] = checkpoint
    write_entries(paths.PARAMS, {"checkpoints": entries})
    for name, checkpoint in entries.items():
        _LOG.warning("params.yaml: added checkpoints.%s: %s; DVC now notices when its weights change", name, checkpoint)
    return config.model_copy(update={"checkpoints": {**config.checkpoints, **entries}})


def fingerprint(config: Config, checkpoint: str) -> str:
    """Return the recorded digest of a listed checkpoint's weights; "" for one that is not listed.

    Args:
        config: all settings
        checkpoint: as recipes name it
    """
    for name, listed in config.checkpoints.items():
        if listed == checkpoint and (path := paths.fingerprint(name)).is_file():
            return str(artifacts.read_json(path).get("sha256", ""))
    return ""


def _exists(checkpoint: str) -> bool:
    try:
        return Path(checkpoint).expanduser().exists()
    except (OSError, RuntimeError):
        # too long for a file name, or below the home of nobody
        return False


def _free_name(checkpoint: str, taken: Mapping[str, str]) -> str:
    stem = re.sub(r"[^a-z0-9]+", "-", Path(checkpoint).name.lower()).strip("-") or "checkpoint"
    names = (stem, *(f"{stem}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)
