"""Fitted arrays as safetensors, what describes them as JSON: nothing pickled, the same bytes for the same model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

ARRAYS = "weights.safetensors"
CARD = "model.json"


def to_files(card: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> dict[str, bytes]:
    """Return arrays and their description as the two files of a model."""
    from safetensors.numpy import save

    # safetensors writes a transposed or strided array's memory as it lies, and so other numbers
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return {ARRAYS: save(whole), CARD: to_json(card)}


def from_files(files: Mapping[str, bytes]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return description and arrays, as `to_files` was given them."""
    from safetensors.numpy import load

    return json.loads(files[CARD]), load(files[ARRAYS])


def to_json(card: Mapping[str, Any]) -> bytes:
    """Return a description as JSON, keys sorted; numbers come back to the last bit."""
    return (json.dumps(card, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
