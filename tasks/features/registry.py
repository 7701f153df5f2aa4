"""Which extractor stands in which module; a new one is a module here and a line below."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from tasks.errors import ConfigError
from tasks.features.extractor import Extractor

MODULES: Mapping[str, str] = MappingProxyType(
    {
        "text": "written",
        "text-embedding": "embeddings",
        "token-states": "embeddings",
        "ast-input": "spectrogram",
        "ast": "spectrogram",
        "log-mel": "mel",
        "mfcc": "mel",
        "mfcc-over-time": "mel",
        "mfcc-over-frequency": "mel",
        "waveform": "mel",
        "speech-embedding": "speech_encoder",
        "speech-states": "speech_encoder",
        "functionals": "voice_statistics",
        "mid-term": "voice_statistics",
    }
)
"""Name in params.yaml → module of `tasks.features`, which has it in its `EXTRACTORS`."""


def extractor(name: str) -> Extractor:
    """Return an extractor by its name.

    Raises:
        ConfigError: if there is none of that name; says which there are
    """
    if name not in MODULES:
        close = difflib.get_close_matches(name, MODULES, 1)
        guess = f"did you mean {close[0]}? " if close else ""
        raise ConfigError(f"there is no extractor {name!r}; {guess}There are {', '.join(MODULES)}")
    found: dict[str, Extractor] = {one.name: one for one in import_module(module(name)).EXTRACTORS}
    return found[name]


def module(name: str) -> str:
    """Return the dotted name of an extractor's module, which decides its results."""
    return f"tasks.features.{MODULES[name]}"
