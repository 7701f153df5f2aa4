"""Which model stands in which module; a new one is a module here and a line below."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from tasks.core.errors import one_of
from tasks.models.base.estimator import Model

MODULES: Mapping[str, str] = MappingProxyType(
    {
        "logistic": "classical",
        "linear-svm": "support_vectors",
        "rbf-svm": "support_vectors",
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
        "gated": "gated",
        "cross-modal": "cross_modal",
        "cross-modal-svm": "cross_modal",
    }
)
"""Name in params.yaml → module of `tasks.models`, which has it in its `MODELS`."""


def model(name: str) -> Model:
    """Return a model by its name.

    Raises:
        ConfigError: if there is none of that name; says which there are
    """
    one_of(name, MODULES, "there is no model")
    found: dict[str, Model] = {one.name: one for one in import_module(module(name)).MODELS}
    return found[name]


def module(name: str) -> str:
    """Return the dotted name of a model's module, which decides its results."""
    return f"tasks.models.{MODULES[name]}"
