"""TESS as on Kaggle, where the folder holds a second copy of itself."""

from __future__ import annotations

from pathlib import Path

from tasks.corpora.readers.tess import CORPUS

CODES = ("neutral", "happy", "sad", "angry", "fear", "disgust", "ps")
FOLDERS = {"OAF": "OAF_Pleasant_surprise", "YAF": "YAF_pleasant_surprised"}


def _touch_tree(root: Path) -> None:
    for speaker, surprise in FOLDERS.items():
        for code in CODES:
            folder = root / (surprise if code == "ps" else f"{speaker}_{code}")
            folder.mkdir(parents=True)
            (folder / f"{speaker}_back_{code}.wav").touch()


def test_the_nested_copy_is_rejected_whole(tmp_path: Path) -> None:
    for root in (
        tmp_path,
        tmp_path / "TESS Toronto emotional speech set data" / "TESS Toronto emotional speech set data",
    ):
        _touch_tree(root)
    output = CORPUS.read(tmp_path)
    assert len(output.rows) == 14
    assert {row["audio"].count("/") for row in output.rows if row["speaker"] == "tess/OAF"} == {1}
    assert [reject.reason for reject in output.rejects] == ["same utterance twice"] * 14
    assert CORPUS.expected(output.rows).missing == ()


def test_a_lost_clip_is_missing_and_counted_in_its_class(tmp_path: Path) -> None:
    _touch_tree(tmp_path)
    (tmp_path / "YAF_sad" / "YAF_back_sad.wav").unlink()
    expected = CORPUS.expected(CORPUS.read(tmp_path).rows)
    assert expected.missing == ("tess/YAF_back_sad",)
    counts = {count.what: (count.expected, count.actual) for count in expected.counts}
    assert counts["sadness of the words and speakers here"] == (2, 1)
    assert counts["fear of the words and speakers here"] == (2, 2)
