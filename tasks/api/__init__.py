"""Python API of undertone: `import undertone as ut`.

Without a project: `ut.extractor`, `ut.model`, `ut.protocols`, `ut.audit`, `ut.corpora`, `ut.captions`, `ut.read_sound`,
`ut.apply` with an exported model. On a project: `ut.utterances`, `ut.features`, `ut.experiment`. Tables are pandas data
frames, arrays are NumPy's; mistakes raise a subclass of `ut.UndertoneError`.

The package `undertone` at the top level offers the names of this one. Importing it loads no library: each name is
loaded when it is used.

Example:
    >>> import numpy as np
    >>> import undertone as ut
    >>> signal = 0.1 * np.sin(2 * np.pi * 220 * np.arange(16_000) / 16_000)
    >>> round(ut.extractor("functionals")(signal, 16_000)["level_db"])
    -23
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.api import captions, corpora, protocols
    from tasks.api.applying import AppliedModel, apply, load_model
    from tasks.api.audits import audit
    from tasks.api.estimators import VectorModel, model, models
    from tasks.api.feature_extractors import FeatureExtractor, extractor, extractors, read_sound
    from tasks.api.project import ExperimentResults, experiment, features, utterances
    from tasks.core.errors import (
        AudioError,
        Busy,
        ConfigError,
        InputError,
        LeakError,
        NotEnoughData,
        Rejected,
        TableError,
        Transient,
        UndertoneError,
    )

    __version__: str

_MODULES = ("captions", "corpora", "protocols")
_ERRORS = (
    "UndertoneError", "ConfigError", "InputError", "TableError", "AudioError", "NotEnoughData", "LeakError", "Busy",
    "Rejected", "Transient",
)  # fmt: skip
_PLACES = {
    ".applying": ("AppliedModel", "apply", "load_model"),
    ".audits": ("audit",),
    ".estimators": ("VectorModel", "model", "models"),
    ".feature_extractors": ("FeatureExtractor", "extractor", "extractors", "read_sound"),
    ".project": ("ExperimentResults", "experiment", "features", "utterances"),
    "..core.errors": _ERRORS,
}
"""Module, relative to this package → its public names."""

__all__ = [
    "AppliedModel",
    "AudioError",
    "Busy",
    "ConfigError",
    "ExperimentResults",
    "FeatureExtractor",
    "InputError",
    "LeakError",
    "NotEnoughData",
    "Rejected",
    "TableError",
    "Transient",
    "UndertoneError",
    "VectorModel",
    "__version__",
    "apply",
    "audit",
    "captions",
    "corpora",
    "experiment",
    "extractor",
    "extractors",
    "features",
    "load_model",
    "model",
    "models",
    "protocols",
    "read_sound",
    "utterances",
]


def __getattr__(name: str) -> object:
    """Load a name when it is used: the version from the metadata, others from the module that defines them."""
    if name == "__version__":
        return import_module("..core.distribution", __name__).version()
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    for module, names in _PLACES.items():
        if name in names:
            return getattr(import_module(module, __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names, also those that are not loaded yet."""
    return sorted(__all__)
