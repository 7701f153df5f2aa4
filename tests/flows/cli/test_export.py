"""`undertone export segments`: the format is checked, and the number of files is printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from tasks.core import paths, tables
from tasks.core.errors import InputError, TableError


def export(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["export", "segments", "listen", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("audio_format", ["wav", "mp3", "ogg", "flac"])
def test_every_format_of_the_help_is_accepted(project: Path, audio_format: str) -> None:
    tables.write(tables.VOTES.empty_table(), paths.VOTES, tables.VOTES)
    assert export("--format", audio_format) == export() == "0 segments written to listen\n"


def test_other_formats_are_refused(project: Path) -> None:
    tables.write(tables.VOTES.empty_table(), paths.VOTES, tables.VOTES)
    with pytest.raises(InputError, match="found the format 'm4a'; expected one of wav, mp3, ogg, flac"):
        export("--format", "m4a")


def test_each_format_is_a_command() -> None:
    shown = CliRunner().invoke(app, ["export", "--help"]).output
    for name in ("audformat", "croissant", "csv", "hf", "kaldi", "segments"):
        assert f" {name} " in shown


def test_an_export_of_a_corpus_that_was_not_read(project: Path, tmp_path: Path) -> None:
    (project / "dvc.yaml").write_text("stages: {}\n")
    with pytest.raises(TableError, match=r"interviews/utterances\.parquet: there is no such file yet"):
        CliRunner().invoke(app, ["export", "csv", "interviews", str(tmp_path / "out")], catch_exceptions=False)
    assert not (tmp_path / "out").exists()
