"""Digests of texts: which texts count as the same, and overlap."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.core.errors import InputError
from tasks.labelling.quality import row_digests


def test_case_punctuation_and_spacing_do_not_count() -> None:
    same = ["I don't know.", "i DON’T  know", "I don t know!"]
    assert len(row_digests.digests(same)) == 1
    assert len(row_digests.digests([*same, "I do know", "?!", ""])) == 2


def test_overlap_names_the_rows() -> None:
    rows = row_digests.digests(["A good day.", "A bad day."])
    assert row_digests.overlap(["a good day", "other", "…", "A BAD DAY"], rows) == [0, 3]
    assert row_digests.overlap(["a good day"], []) == []


def test_a_file_is_read_and_a_damaged_one_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    assert row_digests.read(path) == []
    path.write_text(row_digests.text(["one", "two", "ONE"]))
    assert row_digests.read(path) == row_digests.digests(["one", "two"])
    path.write_text("0123\n")
    with pytest.raises(InputError, match=r"rows.txt: found '0123', expected digests of 16 hexadecimal digits"):
        row_digests.read(path)
