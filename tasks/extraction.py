"""A set of features as params.yaml names it: who extracts it, with which settings."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tasks.config import Config
from tasks.errors import ConfigError, UndertoneError
from tasks.features import registry
from tasks.features.extractor import Extractor
from tasks.models.settings import settings_of


def of(name: str, config: Config) -> tuple[Extractor, Any]:
    """Return who extracts a set of features, and with which settings.

    Raises:
        ConfigError: if the corpus, the extractor or a setting is unknown
    """
    entry, where = config.features[name], f"params.yaml: features.{name}"
    one_of(entry.corpus, config.corpora, f"{where}.corpus: there is no corpus")
    with at(f"{where}.extractor"):
        extractor = registry.extractor(entry.extractor)
    return extractor, settings_of(extractor.settings, entry.settings, f"{where}.settings")


def one_of(found: str, allowed: Iterable[str], what: str) -> None:
    """Demand that a name is known.

    Raises:
        ConfigError: if it is not; says which are, and which one it is close to
    """
    known = list(allowed)
    if found not in known:
        close = difflib.get_close_matches(found, known, 1)
        guess = f"did you mean {close[0]}? " if close else ""
        raise ConfigError(f"{what} {found!r}; {guess}There {'are' if known else 'is'} {', '.join(known) or 'none yet'}")


@contextmanager
def at(where: str) -> Iterator[None]:
    """Put the place in params.yaml before what is wrong there."""
    try:
        yield
    except UndertoneError as error:
        if str(error).startswith("params.yaml"):
            raise
        raise ConfigError(f"{where}: {error}") from None
