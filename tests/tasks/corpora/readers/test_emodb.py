"""EmoDB: published counts by class and by speaker."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.corpora.readers.emodb import CORPUS


def test_a_published_name(tmp_path: Path) -> None:
    (tmp_path / "wav").mkdir()
    (tmp_path / "wav" / "03a01Wa.wav").touch()
    (row,) = CORPUS.read(tmp_path).rows
    assert (row["utterance_id"], row["speaker"], row["native_label"], row["emotion"]) == (
        "emodb/03a01Wa", "emodb/03", "W", "anger",
    )  # fmt: skip
    assert (row["text"], row["language"], row["sex"], row["age"]) == (
        "Der Lappen liegt auf dem Eisschrank.", "de", "male", 31,
    )  # fmt: skip


def test_published_counts_add_up_both_ways(tmp_path: Path) -> None:
    for speaker in ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16"):
        (tmp_path / f"{speaker}a01Na.wav").touch()
    counts = {count.what: count.expected for count in CORPUS.expected(CORPUS.read(tmp_path).rows).counts}
    assert sum(n for what, n in counts.items() if what.startswith("emodb/")) == 535
    assert sum(n for what, n in counts.items() if what.endswith(", whole corpus")) == 535


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("03a01Xa.wav", "unknown emotion code"),
        ("04a01Wa.wav", "not a name of EmoDB's"),
        ("03a03Wa.wav", "not a name of EmoDB's"),
    ],
)
def test_names_that_are_none(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    output = CORPUS.read(tmp_path)
    assert (output.rows, [(reject.id, reject.reason) for reject in output.rejects]) == ((), [(name, reason)])
