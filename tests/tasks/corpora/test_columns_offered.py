"""What a corpus is said to offer is what its reader gives, for every utterance that has an emotion at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.corpora.columns_offered import OFFERS
from tasks.corpora.readers import registry
from tasks.simulate import corpora


def test_every_reader_but_the_plain_one_is_there() -> None:
    assert set(OFFERS) == set(registry.NAMES) - {"plain"}


# films are archives of their own, which the simulated ones have not; readers take them in where they are
FILMED_PERHAPS = {"ravdess", "crema-d"}


@pytest.mark.parametrize("name", sorted(OFFERS))
def test_what_is_offered_is_there(name: str, tmp_path: Path) -> None:
    corpora.make(name, tmp_path / name)
    rows = registry.corpus(name).read(tmp_path / name).rows
    labelled = [row for row in rows if row.get("emotion")]
    assert labelled
    missing = {column for column in OFFERS[name] if any(row.get(column) is None for row in labelled)}
    assert missing == ({"video"} if name in FILMED_PERHAPS else set())
    asked = {"emotion", "sentiment", "speaker", "script", "split", "text", "audio"}
    kept_quiet = {column for column in asked - OFFERS[name] if all(row.get(column) is not None for row in labelled)}
    assert not kept_quiet
