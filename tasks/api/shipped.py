"""Settings as shipped, for functions that need no project."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.core.config import Config


@cache
def shipped_settings() -> Config:
    """Return the settings of the shipped params.yaml."""
    from tasks.core import config, paths
    from tasks.core.code_version import ROOT

    return config.load(ROOT / paths.PARAMS)
