"""Describe the columns of a Parquet file to Hugging Face `datasets`, as its own `to_parquet` does (versions 4 and 5).

Without the description, `datasets` reads sound as a struct of bytes and path, not as an Audio feature.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

KEY = b"huggingface"
_NAMES = {"double": "float64", "float": "float32"}
"""Arrow's names of types that `datasets` names otherwise."""
_AUDIO = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def described(schema: pa.Schema, rate_hz: int) -> pa.Schema:
    """Return a schema with the metadata from which `datasets` takes its features.

    Args:
        schema: columns of numbers, texts and lists; a struct of `bytes` and `path` is sound
        rate_hz: sampling rate of the sound
    """
    features = {column.name: _feature(column.type, rate_hz) for column in schema}
    return schema.with_metadata({KEY: json.dumps({"info": {"features": features}}).encode()})


def _feature(kind: pa.DataType, rate_hz: int) -> dict[str, Any]:
    if kind == _AUDIO:
        return {"sampling_rate": rate_hz, "_type": "Audio"}
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type, rate_hz), "_type": "List"}
    return {"dtype": _NAMES.get(str(kind), str(kind)), "_type": "Value"}
