"""A set of features as params.yaml names it: who extracts it, with which settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tasks.core.config import Config
from tasks.core.errors import ConfigError, UndertoneError, one_of
from tasks.features.base import registry
from tasks.features.base.extractor import Extractor
from tasks.features.base.settings import settings_of


def resolve(name: str, config: Config) -> tuple[Extractor, Any]:
    """Return who extracts a set of features, and with which settings.

    Raises:
        ConfigError: if the corpus, the extractor or a setting is unknown
    """
    entry, where = config.features[name], f"params.yaml: features.{name}"
    one_of(entry.corpus, config.corpora, f"{where}.corpus: there is no corpus")
    with error_context(f"{where}.extractor"):
        extractor = registry.extractor(entry.extractor)
    return extractor, settings_of(extractor.settings, entry.settings, f"{where}.settings")


@contextmanager
def error_context(where: str) -> Iterator[None]:
    """Put the place in params.yaml before what is wrong there."""
    try:
        yield
    except UndertoneError as error:
        if str(error).startswith("params.yaml"):
            raise
        raise ConfigError(f"{where}: {error}") from None
