"""The ledger of removed data: it recognises names without holding them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.core import forgotten
from tasks.core.errors import InputError
from tasks.core.forgotten import LISTENER, VIDEO, Ledger


def test_recognises_what_was_removed_and_names_nothing(project: Path) -> None:
    Path("data").mkdir()
    ledger = Ledger().with_removed(
        VIDEO, ["Youtube:abcdefghijk"], media=["ab" * 32], experiments=["x"], day="2026-01-02"
    )
    forgotten.write(ledger.with_removed(LISTENER, ["Ana María"], models=["cd" * 32], day="2026-01-03"))
    read = forgotten.read()
    assert read.day(VIDEO, "Youtube:abcdefghijk") == "2026-01-02"
    assert read.day(LISTENER, " ana maría") == "2026-01-03"
    assert read.day(VIDEO, "Ana María") is None
    assert read.has_trained(["00" * 8, "ab" * 8])
    assert not read.has_trained(["00" * 8])
    assert (read.experiments, read.models) == ({"x": "2026-01-02"}, {"cd" * 32})
    text = forgotten.LEDGER.read_text()
    assert "abcdefghijk" not in text
    assert "Ana" not in text
    assert "ab" * 8 not in text


def test_two_projects_have_different_digests() -> None:
    first, second = (Ledger().with_removed(VIDEO, ["x"]) for _ in range(2))
    assert set(first.removed) != set(second.removed)


@pytest.mark.parametrize("content", ["", "[]", '{"salt": 1}', json.dumps({"salt": "a", "removed": ["x"], "media": []})])
def test_a_damaged_ledger_is_an_error(project: Path, content: str) -> None:
    Path("data").mkdir()
    forgotten.LEDGER.write_text(content)
    with pytest.raises(InputError, match=r"data/forgotten\.json: not a ledger"):
        forgotten.read()


def test_no_ledger_removes_nothing(project: Path) -> None:
    assert forgotten.read() == Ledger()
    assert Ledger().day(VIDEO, "x") is None
