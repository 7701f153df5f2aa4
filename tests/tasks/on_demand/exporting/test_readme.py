"""README of an export: every section, counts, and text from outside without markup."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.core import paths, tables
from tasks.on_demand.exporting import readme
from tasks.on_demand.exporting.export_format import DataCard, Source
from tests.tasks.on_demand.exporting.conftest import Toy


def test_counts_losses_and_limits(toy: Toy, tmp_path: Path) -> None:
    toy.export("kaldi", tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "7 utterances (4 in `train`, 2 in `dev`, 1 in `test`), 7 with sound." in text
    assert "| … rejected: no such file | −1 |" in text
    assert "`label` is the column `emotion`; 5 of 7 rows have one." in text
    assert "Classes: anger 3, sadness 2." in text
    assert "`weight`, the probability or the agreement behind a label, is between 0.33 and 1.00." in text
    assert "0 of 4 groups (videos, dialogues, sessions) occur in more than one part." in text
    assert "2 of 4 speakers occur in more than one part." in text
    assert "Sound is 16 kHz, mono, 16 bit" in text


def test_simulated_data_is_called_so(toy: Toy, tmp_path: Path) -> None:
    note = json.loads(paths.reading("toy").read_text())
    tables.write_text(paths.reading("toy"), json.dumps({**note, "simulated": True}))
    toy.export("hf", tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "# A corpus of your own (simulated)" in text
    assert "The data is simulated, to try programs. Scores on it mean nothing." in text
    assert "- simulated\n" in text


def test_many_sources_are_in_the_list_only() -> None:
    sources = tuple(Source(f"v{k}", "title", "http://x", "not stated", "", 1) for k in range(25))
    card = DataCard("title", False, ("en",), sources, "", (), (), ())
    text = readme._sources(card)
    assert text.count("| v") == 20
    assert "5 more are in `sources.csv`" in text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [("a | b\n# c", r"a \| b \# c"), ("<script>", r"\<script\>"), ("[x](y)", r"\[x\](y)"), ("a_b*c`", r"a\_b\*c\`")],
)
def test_markup_is_escaped(text: str, escaped: str) -> None:
    assert readme.escaped(text) == escaped
