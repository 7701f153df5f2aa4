"""Fitted arrays as safetensors and their description as JSON: no pickles, and equal models give equal bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

ARRAYS = "weights.safetensors"
CARD = "model.json"


def to_files(card: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> dict[str, bytes]:
    """Return the two files of a model, by name.

    Args:
        card: description of the arrays, for JSON
        arrays: name → array
    """
    from safetensors.numpy import save

    # safetensors writes raw memory: a transposed or strided array would be read back with other numbers
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return {ARRAYS: save(contiguous), CARD: to_json(card)}


def from_files(files: Mapping[str, bytes]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return description and arrays.

    Args:
        files: as `to_files` returned them
    """
    from safetensors.numpy import load

    return json.loads(files[CARD]), load(files[ARRAYS])


def to_json(card: Mapping[str, Any]) -> bytes:
    """Return a description as JSON, keys sorted; floats are read back exactly.

    Args:
        card: the description
    """
    return (json.dumps(card, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
