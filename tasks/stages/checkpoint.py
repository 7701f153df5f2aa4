"""Stage checkpoint@NAME: the fingerprint of a pretrained model on this machine, so that changed weights are noticed."""

from __future__ import annotations

import json

from tasks.core import paths, tables
from tasks.core.config import Config
from tasks.core.each import Each
from tasks.core.errors import InputError
from tasks.features.base import checkpoints


def run(config: Config, name: str, *, each: Each) -> None:
    """Write `data/checkpoint/NAME/fingerprint.json`; there are no items for `each`.

    Args:
        config: all settings
        name: under `checkpoints` in params.yaml
        each: unused

    Raises:
        InputError: if params.yaml has no such checkpoint, or its folder is missing or incomplete
    """
    if name not in config.checkpoints:
        raise InputError(f"params.yaml has no checkpoint {name!r}; it has {', '.join(config.checkpoints) or 'none'}")
    fingerprint = {"sha256": checkpoints.fingerprint(config.checkpoints[name])}
    tables.write_text(paths.fingerprint(name), json.dumps(fingerprint) + "\n")
