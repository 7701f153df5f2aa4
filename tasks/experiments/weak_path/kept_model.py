"""The trained classifier of the weak path: its ONNX file and its card, verified against each other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from tasks.core import artifacts, paths, tables
from tasks.core.config import Acoustic
from tasks.features.mid_term.mid_term import NAMES, AnalysisWindows
from tasks.models.svm.weak_svm import Classifier

_LARGEST = 1e9


def load() -> tuple[Classifier, Mapping[str, Any]]:
    """Return the classifier and its card.

    Raises:
        TableError: if one of the files is missing or damaged, or they do not belong together
    """
    card = artifacts.read_json(paths.CARD)
    _demand(card, "features", card.get("features") == list(NAMES))
    _demand(card, "classes", card.get("classes") == list(tables.SENTIMENTS))
    parameters = card.get("parameters")
    _demand(card, "parameters", isinstance(parameters, dict) and _is_positive(parameters.get("c")))
    content = artifacts.read_bound(paths.MODEL, card)
    try:
        return Classifier(content, json.dumps(card)), card
    except Exception as error:
        # onnxruntime raises classes of its own, which it does not document
        raise artifacts.damaged(paths.MODEL, str(error)) from None


def windows(card: Mapping[str, Any]) -> AnalysisWindows:
    """Return the analysis windows of a classifier's features.

    Args:
        card: as `load` returned it

    Raises:
        TableError: if the card states none, or impossible ones
    """
    stated = card.get("windows")
    try:
        # cards of version 0.1.0 state no backend
        valid = Acoustic.model_validate({"backend": "arrays", **stated} if isinstance(stated, dict) else stated)
    except ValidationError:
        raise artifacts.damaged(paths.CARD, f"windows: {str(stated)[:100]}") from None
    return AnalysisWindows(**valid.model_dump())


def _demand(card: Mapping[str, Any], name: str, holds: bool) -> None:
    if not holds:
        raise artifacts.damaged(paths.CARD, f"{name}: {str(card.get(name, 'missing'))[:100]}")


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _LARGEST
