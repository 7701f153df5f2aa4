"""Resolve a feature set of params.yaml to its extractor and settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tasks.core.config import Config, error_lines
from tasks.core.errors import ConfigError, UndertoneError, one_of
from tasks.features.base import registry
from tasks.features.base.extractor import Extractor
from tasks.features.base.settings import settings_of


def resolve(name: str, config: Config) -> tuple[Extractor, Any]:
    """Return the extractor of a feature set and its validated settings.

    Args:
        name: key under `features` in params.yaml
        config: the project's configuration

    Raises:
        ConfigError: if the corpus, the extractor or a setting is unknown
    """
    entry, where = config.features[name], f"params.yaml: features.{name}"
    with error_lines():
        one_of(entry.corpus, config.corpora, f"{where}.corpus: there is no corpus")
        with error_context(f"{where}.extractor"):
            extractor = registry.extractor(entry.extractor)
        return extractor, settings_of(extractor.settings, entry.settings, f"{where}.settings")


@contextmanager
def error_context(where: str) -> Iterator[None]:
    """Prefix the message of an error with its location in params.yaml.

    Args:
        where: the location, such as `params.yaml: features.NAME.extractor`

    Raises:
        ConfigError: for any UndertoneError in the block; unchanged if its message already names params.yaml
    """
    try:
        yield
    except UndertoneError as error:
        if str(error).startswith("params.yaml"):
            raise
        raise ConfigError(f"{where}: {error}") from None
