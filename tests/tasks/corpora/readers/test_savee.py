"""SAVEE: all speakers read the same sentences, so missing clips can be named."""

from __future__ import annotations

from pathlib import Path

from tasks.corpora.readers.savee import CORPUS


def test_an_utterance_that_others_have_is_missing(tmp_path: Path) -> None:
    for name in ("DC/a01", "DC/n30", "KL/n30", "JK/a01", "JK/n30"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.wav").touch()
    expected = CORPUS.expected(CORPUS.read(tmp_path).rows)
    assert expected.missing == ("savee/KL_a01",)
    counts = {count.what: (count.expected, count.actual) for count in expected.counts}
    assert counts["clips of the whole corpus"] == (480, 5)
    assert counts["neutral of the 3 speakers here"] == (90, 3)
    assert counts["anger of the 3 speakers here"] == (45, 2)
    assert counts["savee/JK"] == (120, 2)
