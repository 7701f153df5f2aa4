"""Which extractor stands in which module; a new one is a module here and a line below."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from tasks.errors import one_of
from tasks.features.extractor import Extractor

MODULES: Mapping[str, str] = MappingProxyType(
    {
        "text": "written",
        "text-embedding": "embeddings",
        "token-states": "embeddings",
        "log-spectrogram": "log_spectrogram",
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
        "prosody": "prosody",
        "mid-term": "voice_statistics",
        "frame-states": "video",
    }
)
"""Name in params.yaml → module of `tasks.features`, which has it in its `EXTRACTORS`."""


def extractor(name: str) -> Extractor:
    """Return an extractor by its name.

    Raises:
        ConfigError: if there is none of that name; says which there are
    """
    one_of(name, MODULES, "there is no extractor")
    found: dict[str, Extractor] = {one.name: one for one in import_module(module(name)).EXTRACTORS}
    return found[name]


def module(name: str) -> str:
    """Return the dotted name of an extractor's module, which decides its results."""
    return f"tasks.features.{MODULES[name]}"
