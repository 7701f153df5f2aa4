"""Which extractor stands in which module; a new one is a module here and a line below."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from tasks.core.errors import one_of
from tasks.features.base.extractor import Extractor

MODULES: Mapping[str, str] = MappingProxyType(
    {
        "text": "text.transcript",
        "text-embedding": "text.embeddings",
        "token-states": "text.embeddings",
        "log-spectrogram": "sound.log_spectrogram",
        "ast-input": "sound.audio_spectrogram_transformer",
        "ast": "sound.audio_spectrogram_transformer",
        "log-mel": "sound.network_inputs",
        "mfcc": "sound.network_inputs",
        "mfcc-over-time": "sound.network_inputs",
        "mfcc-over-frequency": "sound.network_inputs",
        "waveform": "sound.network_inputs",
        "speech-embedding": "sound.speech_encoder",
        "speech-states": "sound.speech_encoder",
        "functionals": "sound.utterance_statistics",
        "prosody": "sound.prosody",
        "mid-term": "sound.utterance_statistics",
        "frame-states": "video.frame_states",
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
