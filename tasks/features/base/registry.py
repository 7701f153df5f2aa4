"""Registry of extractors: every module of `tasks.features.{sound,text,video}` with a tuple `EXTRACTORS`."""

from __future__ import annotations

from tasks.core.code_version import PACKAGE
from tasks.core.discovery import Registry
from tasks.features.base.extractor import Extractor

_PACKAGES = tuple(f"{PACKAGE}.features.{kind}" for kind in ("sound", "text", "video"))
_EXTRACTORS = Registry("extractor", "EXTRACTORS", _PACKAGES)
names = _EXTRACTORS.names
module = _EXTRACTORS.module


def extractor(name: str) -> Extractor:
    """Return an extractor by its name.

    Args:
        name: as in params.yaml, such as `log-mel`

    Raises:
        ConfigError: if there is none of that name; the message lists the names
    """
    extractor: Extractor = _EXTRACTORS.find(name)
    return extractor
