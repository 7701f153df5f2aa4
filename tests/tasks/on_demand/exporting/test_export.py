"""An export is complete or absent, never mixes with other files, and formats are found in their package."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tasks.core.errors import Busy, ConfigError, InputError
from tasks.on_demand.exporting import export, formats, sound_files
from tasks.on_demand.exporting.export_format import Export
from tests.tasks.on_demand.exporting.conftest import Toy


def test_each_module_of_the_package_adds_its_formats() -> None:
    modules = [path.stem for path in Path(formats.__path__[0]).glob("*.py") if path.stem != "__init__"]
    assert export.REGISTRY.names() == ("audformat", "croissant", "csv", "hf", "kaldi")
    assert len(modules) == 5


def test_an_unknown_format(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no export format 'kaldy'; did you mean kaldi"):
        toy.export("kaldy", tmp_path / "out")


def test_a_folder_with_files_is_refused(toy: Toy, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="out has files already; expected a new or an empty folder"):
        toy.export("csv", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]
    with pytest.raises(InputError, match=r"mine\.txt is a file"):
        toy.export("csv", tmp_path / "out" / "mine.txt")


def test_an_empty_folder_is_filled(toy: Toy, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    toy.export("csv", tmp_path / "out")
    assert (tmp_path / "out" / "utterances.csv").is_file()


def test_a_failure_leaves_nothing(toy: Toy, tmp_path: Path) -> None:
    Path("media/file 2.wav").unlink()
    with pytest.raises(InputError, match=r"file 2\.wav: there is no such file"):
        toy.export("hf", tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))


def test_what_a_killed_run_left_is_removed(toy: Toy, tmp_path: Path) -> None:
    (tmp_path / ".out.part").mkdir()
    (tmp_path / ".out.part" / "half.flac").write_bytes(b"")
    toy.export("csv", tmp_path / "out")
    assert not list(tmp_path.rglob("half.flac"))
    assert not (tmp_path / ".out.part").exists()


def test_two_exports_to_one_folder(toy: Toy, tmp_path: Path) -> None:
    with export.new_folder(tmp_path / "out"), pytest.raises(Busy, match="undertone export to"):
        toy.export("csv", tmp_path / "out")


def test_the_same_bytes_twice(toy: Toy, tmp_path: Path) -> None:
    for name in ("a", "b"):
        toy.export("hf", tmp_path / name)
    contents = [
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("a", "b")
    ]
    assert contents[0] == contents[1]


def test_sources_are_listed(toy: Toy, tmp_path: Path) -> None:
    toy.export("csv", tmp_path / "out")
    with (tmp_path / "out" / "sources.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["name"], row["licence"], row["rows"]) == ("plain", "yours", "8")


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_titles_in_the_list_of_sources_are_no_formulas(cell: str) -> None:
    assert export._harmless(cell) == f"'{cell}"
    assert export._harmless("1 + 1 = 2") == "1 + 1 = 2"


def test_one_media_file_at_a_time_is_read(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []

    def write(folder: Path, prepared: Export) -> None:
        for sound in prepared.sounds():
            written.append(sound.row)
            # the third file is read after the rows of the others were written
            Path("media/file 3.wav").unlink(missing_ok=True)

    monkeypatch.setattr(sound_files, "write", write)
    with pytest.raises(InputError, match=r"file 3\.wav: there is no such file"):
        toy.export("csv", tmp_path / "out")
    assert written == [0, 1, 2, 3]
