"""Ids become file names that every system accepts, and that differ even where case does not count."""

from __future__ import annotations

import pytest

from tasks.on_demand.exporting import file_names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("weak/test-0/0001", "weak_test-0_0001"),
        ("../../etc/passwd", "__.._etc_passwd"),
        ("a/..", "a__"),
        (".hidden", "_hidden"),
        ("naïve: 日本", "na_ve____"),
        ("a\nb\0c", "a_b_c"),
        ("", "_"),
        ("x" * 400, "x" * 120),
    ],
)
def test_unusual_characters_are_replaced(name: str, expected: str) -> None:
    assert file_names.file_name(name) == expected


def test_no_two_names_are_the_same_where_case_does_not_count() -> None:
    ids = ["c/A", "c/a", "c_a", "c/é", "c/è", "x" * 400, "x" * 401]
    names = file_names.unique(ids)
    assert list(names) == ids
    assert len({name.casefold() for name in names.values()}) == len(ids)
    assert names["c/A"] == "c_A"
    assert names["c/a"].startswith("c_a_")
