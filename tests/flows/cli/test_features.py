"""`undertone features`: rows and columns of the file, utterances, unusable files, errors; no project is needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from typer.testing import CliRunner, Result

from flows.cli.main import app
from tasks.core.errors import ConfigError, InputError, NotEnoughData
from tasks.features.sound import functionals

VTT = "WEBVTT\n\n00:00.000 --> 00:01.000\nhello there\n\n00:01.000 --> 00:02.000\n[Laughter]\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["features", *arguments])


def test_a_folder_gives_a_row_for_each_file(folder: Path, wav: Callable[..., Path]) -> None:
    (folder / "clips").mkdir()
    first, second = wav(1.0, name="clips/a.wav"), wav(2.0, rate_hz=8_000, name="clips/b.wav")
    Path("clips/bad.mp3").write_bytes(b"no sound")
    result = run("clips", "-o", "x.parquet")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"x.parquet: 2 rows of 2 files, {len(functionals.NAMES)} features\n"
    assert result.stderr.startswith("not used: clips/bad.mp3: not a media file that can be read")
    assert sorted(path.name for path in folder.iterdir()) == ["clips", "x.parquet"], "nothing else is left behind"
    table = pd.read_parquet("x.parquet")
    assert table["file"].tolist() == [str(path.relative_to(folder)) for path in (first, second)]
    assert table["end_s"].tolist() == [1.0, 2.0]
    samples, rate_hz = soundfile.read(first, dtype="int16")
    expected = functionals.functionals(samples, rate_hz)
    np.testing.assert_allclose(table.loc[0, list(functionals.NAMES)].astype(float), expected, rtol=1e-4, atol=1e-4)


def test_sequences_have_a_row_for_each_step_and_captions_one_for_each_utterance(wav: Callable[..., Path]) -> None:
    wav(2.0, name="talk.wav")
    Path("talk.vtt").write_text(VTT)
    result = run("talk.wav", "-o", "x.csv", "--extractor", "mfcc", "--by", "captions", "--set", "n_mfcc=13")
    assert result.exit_code == 0, result.output
    assert "talk.wav at talk#2: only a tag ([Laughter])" in result.stderr
    table = pd.read_csv("x.csv")
    assert list(table.columns) == ["file", "start_s", "end_s", "step", "time_s", *(f"mfcc_{n}" for n in range(13))]
    assert set(table["end_s"]) == {1.0}
    assert table["step"].tolist() == list(range(len(table)))
    run("talk.wav", "-o", "text.csv", "--extractor", "text", "--by", "captions")
    assert pd.read_csv("text.csv")["text"].tolist() == ["hello there"]


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ([], InputError, "expected media and a file to write"),
        (["a.wav", "-o", "x.xlsx"], InputError, "found the ending '.xlsx', expected .parquet or .csv"),
        (["a.wav", "-o", "there.csv"], InputError, "there.csv exists"),
        (["a.wav", "-o", "x.csv"], NotEnoughData, "no features: a.wav: there is no such file"),
        (["a.wav", "-o", "x.csv", "--extractor", "mfc"], ConfigError, "did you mean mfcc"),
        (["a.wav", "-o", "x.csv", "--set", "n"], InputError, "expected KEY=VALUE"),
        (["a.wav", "-o", "x.csv", "--set", "n=1"], ConfigError, "unknown key 'n'"),
    ],
)
def test_mistakes_are_explained_and_nothing_is_written(
    folder: Path, arguments: list[str], kind: type[Exception], message: str
) -> None:
    Path("there.csv").touch()
    result = run(*arguments)
    assert isinstance(result.exception, kind)
    assert message in str(result.exception)
    assert [path.name for path in folder.iterdir()] == ["there.csv"]


def test_the_list_names_extractors_and_their_settings() -> None:
    result = run("--list")
    assert result.exit_code == 0
    assert "functionals" in result.stdout
    assert "n_mfcc" in result.stdout
