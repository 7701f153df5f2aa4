"""Kaldi: the lists are as its scripts demand (sorted by byte, by speaker, one word a value), and nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import soundfile

from tasks.core.errors import InputError
from tests.tasks.on_demand.exporting.conftest import Toy, digest

NUMBERS = {"weight": float, "duration_s": float, "start_s": float, "end_s": float, "age": int}


def listed(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").split("\n")
    assert lines.pop() == ""
    return dict(line.split(" ", 1) for line in lines)


def read(folder: Path, columns: list[str]) -> dict[str, dict[str, Any]]:
    maps = {name: listed(path) if (path := folder / f"utt2{name}").exists() else {} for name in columns}
    rows = {}
    for key, file in listed(folder / "wav.scp").items():
        row = {
            name: NUMBERS.get(name, unquote)(values[key]) if key in values else None for name, values in maps.items()
        }
        row["samples"] = digest(soundfile.read(folder / file, dtype="int16")[0])
        rows[row["utterance_id"]] = row
    return rows


def test_nothing_is_lost(toy: Toy, tmp_path: Path) -> None:
    exported = toy.export("kaldi", tmp_path / "out")
    expected = toy.expected(sound_only=True)
    columns = [name for name in next(iter(expected.values())) if name != "samples"]
    assert read(tmp_path / "out", columns) == expected
    assert exported.notes == ("1 rows without sound are left out: kaldi describes sound files",)


def test_the_lists_are_as_validate_data_dir_demands(toy: Toy, tmp_path: Path) -> None:
    toy.export("kaldi", tmp_path / "out")
    folder = tmp_path / "out"
    for path in folder.glob("utt2*"):
        lines = path.read_bytes().splitlines()
        assert lines == sorted(lines), path
        assert path.name in ("utt2spk", "utt2text") or all(len(line.split(b" ")) == 2 for line in lines), path
    speaker_of, utterances_of = listed(folder / "utt2spk"), listed(folder / "spk2utt")
    # sorting by utterance sorts by speaker as well
    assert list(speaker_of.values()) == sorted(speaker_of.values(), key=str.encode)
    pairs = {(key, speaker) for speaker, keys in utterances_of.items() for key in keys.split(" ")}
    assert pairs == set(speaker_of.items())
    assert all(key.startswith(speaker) for key, speaker in speaker_of.items())
    assert listed(folder / "wav.scp").keys() == listed(folder / "segments").keys() == speaker_of.keys()
    for key, rest in listed(folder / "segments").items():
        recording, start, end = rest.split(" ")
        assert (recording, float(start), float(end)) == (key, 0.0, 0.75)


def test_texts_are_words_separated_by_single_spaces(toy: Toy, tmp_path: Path) -> None:
    toy.export("kaldi", tmp_path / "out")
    texts = listed(tmp_path / "out" / "text")
    assert "two lines and spaces" in texts.values()
    # an empty text and none have no line
    assert len(texts) == 5
    labels = listed(tmp_path / "out" / "utt2label")
    assert sorted(labels.values()) == ["anger"] * 3 + ["sadness"] * 2


def test_without_any_sound(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no utterance of toy has sound; export it as csv or hf"):
        toy.samples.clear()
        for row in toy.rows:
            row |= {"audio": None, "start_s": None, "end_s": None}
        rewrite(toy)
        toy.export("kaldi", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def rewrite(toy: Toy) -> None:
    from tests.tasks.on_demand.exporting import conftest

    conftest._write(toy)
