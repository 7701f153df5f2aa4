"""Files of a corpus folder that are no utterance's: media and archives, without those used or rejected."""

from __future__ import annotations

import os
from pathlib import Path

from tasks.core.results import Reject
from tasks.corpora import unreferenced
from tasks.corpora.readers import reading
from tasks.corpora.unreferenced import Unreferenced


def test_media_and_archives_that_no_row_names(tmp_path: Path) -> None:
    for name in (
        "used.wav",
        "film.mp4",
        "rejected.wav",
        "b.wav",
        "x/a.MP3",
        ".hidden.wav",
        "x/train.tar.gz",
        "y.rar",
        "t.csv",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.wav").mkdir()
    rows = [{"audio": "used.wav", "video": "film.mp4"}]
    files = unreferenced.find(tmp_path, rows, [Reject("rejected.wav", "no row names it")])
    assert files == Unreferenced(2, 2, ("b.wav", "x/a.MP3"), ("x/train.tar.gz", "y.rar"))
    assert unreferenced.from_note({"repairs": {}, **files.note()}) == files


def test_nothing_is_noted_where_every_file_is_used(tmp_path: Path) -> None:
    assert unreferenced.find(tmp_path, [], []).note() == {}
    assert unreferenced.from_note({"repairs": {}}) == Unreferenced()


def test_few_examples_of_many_and_names_that_are_not_utf_8(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.wav").touch()
    (tmp_path / os.fsdecode(b"\xff.wav")).touch()
    files = unreferenced.find(tmp_path, [], [])
    assert (files.n_media, files.media) == (10, ("0.wav", "1.wav", "2.wav", "3.wav", "4.wav"))
    assert reading.printable(os.fsdecode(b"\xff.wav")) == "\\udcff.wav"
    # no table could hold such a name
    assert len(list(reading.media(tmp_path))) == 9
