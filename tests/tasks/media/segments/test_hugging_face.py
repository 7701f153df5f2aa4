"""The metadata of shards: as Hugging Face `datasets` 5.2.0 writes it for these columns, quoted."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from tasks.core import tables
from tasks.media.segments import hugging_face

WRITTEN_BY_DATASETS = (
    b'{"info": {"features": {"utterance_id": {"dtype": "string", "_type": "Value"}, '
    b'"start_s": {"dtype": "float64", "_type": "Value"}, "end_s": {"dtype": "float64", "_type": "Value"}, '
    b'"audio": {"sampling_rate": 16000, "_type": "Audio"}, "samples_sha256": {"dtype": "string", "_type": "Value"}, '
    b'"fingerprint": {"feature": {"dtype": "uint32", "_type": "Value"}, "_type": "List"}}}}'
)


def test_segments_are_described_as_datasets_does() -> None:
    assert hugging_face.described(tables.SEGMENTS, 16_000).metadata == {b"huggingface": WRITTEN_BY_DATASETS}


@pytest.mark.parametrize(
    ("kind", "feature"),
    [
        (pa.bool_(), {"dtype": "bool", "_type": "Value"}),
        (pa.int64(), {"dtype": "int64", "_type": "Value"}),
        (pa.float32(), {"dtype": "float32", "_type": "Value"}),
        (pa.list_(pa.float64()), {"feature": {"dtype": "float64", "_type": "Value"}, "_type": "List"}),
    ],
)
def test_other_columns(kind: pa.DataType, feature: dict[str, object]) -> None:
    metadata = hugging_face.described(pa.schema([("a", kind)]), 16_000).metadata
    assert json.loads(metadata[hugging_face.KEY]) == {"info": {"features": {"a": feature}}}
