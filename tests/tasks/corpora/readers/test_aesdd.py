"""AESDD's file names: blanks, brackets, and the letter of a second take."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.corpora.readers.aesdd import CORPUS

KNOWN = {
    "fear/f18 (5).wav": ("aesdd/f18-5", "aesdd/5", "aesdd/18", "fear"),
    "fear/f18 (5)b.wav": ("aesdd/f18-5b", "aesdd/5", "aesdd/18", "fear"),
    "anger/a03 (4).flac": ("aesdd/a03-4", "aesdd/4", "aesdd/03", "anger"),
    "sadness/S07(2).wav": ("aesdd/s07-2", "aesdd/2", "aesdd/07", "sadness"),
}


def test_published_names(tmp_path: Path) -> None:
    for name in KNOWN:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    output = CORPUS.read(tmp_path)
    assert output.rejects == ()
    assert {
        row["audio"]: (row["utterance_id"], row["speaker"], row["script"], row["emotion"]) for row in output.rows
    } == KNOWN
    assert {row["language"] for row in output.rows} == {"el"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x03 (4).wav", "unknown emotion code"),
        ("a03.wav", "not a name of AESDD's"),
        ("a03 (4) (2).wav", "not a name of AESDD's"),
    ],
)
def test_names_that_are_none(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    (tmp_path / "a03 (4).wav").touch()
    output = CORPUS.read(tmp_path)
    assert len(output.rows) == 1
    assert [(reject.id, reject.reason) for reject in output.rejects] == [(name, reason)]


def test_counts_are_those_of_the_speakers_here(tmp_path: Path) -> None:
    for speaker in (1, 2):
        for number in range(1, 21):
            (tmp_path / f"a{number:02d} ({speaker}).wav").touch()
    counts = {
        count.what: (count.expected, count.actual) for count in CORPUS.expected(CORPUS.read(tmp_path).rows).counts
    }
    assert counts["speakers of the whole corpus"] == (6, 2)
    assert counts["anger of the 2 speakers here"] == (40, 40)
    assert counts["fear of the 2 speakers here"] == (40, 0)
