"""Registry of models: every module of `tasks.models` with a tuple `MODELS`."""

from __future__ import annotations

from tasks.core.code_version import PACKAGE
from tasks.core.discovery import Registry
from tasks.models.base.estimator import Model

_MODELS = Registry("model", "MODELS", (f"{PACKAGE}.models",))
names = _MODELS.names
module = _MODELS.module


def model(name: str) -> Model:
    """Return a model by its name.

    Args:
        name: as in params.yaml, such as `linear-svm`

    Raises:
        ConfigError: if there is none of that name; the message lists the names
    """
    model: Model = _MODELS.find(name)
    return model
