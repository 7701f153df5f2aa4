"""Which model stands in which module; a new one is a module here and a line below."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from tasks.errors import ConfigError
from tasks.models.estimator import Model

MODULES: Mapping[str, str] = MappingProxyType(
    {
        "logistic": "classical",
        "linear-svm": "classical",
        "rbf-svm": "classical",
        "ridge": "classical",
        "xgboost": "boosted",
        "tf-idf": "tf_idf",
        "feed-forward": "feed_forward",
        "bilstm": "recurrent",
        "cnn-1d": "cnn_1d",
        "cnn-2d": "cnn_2d",
        "cnn-lstm": "cnn_lstm",
        "alexnet": "alexnet",
        "resnet": "resnet",
        "densenet": "densenet",
        "resnext": "resnext",
        "fine-tuned": "fine_tuned",
        "speech-fine-tuned": "speech_fine_tuned",
        "stacking": "stacking",
        "fusion": "fusion",
        "late-fusion": "late_fusion",
    }
)
"""Name in params.yaml → module of `tasks.models`, which has it in its `MODELS`."""


def model(name: str) -> Model:
    """Return a model by its name.

    Raises:
        ConfigError: if there is none of that name; says which there are
    """
    if name not in MODULES:
        close = difflib.get_close_matches(name, MODULES, 1)
        guess = f"did you mean {close[0]}? " if close else ""
        raise ConfigError(f"there is no model {name!r}; {guess}There are {', '.join(MODULES)}")
    found: dict[str, Model] = {one.name: one for one in import_module(module(name)).MODELS}
    return found[name]


def module(name: str) -> str:
    """Return the dotted name of a model's module, which decides its results."""
    return f"tasks.models.{MODULES[name]}"
