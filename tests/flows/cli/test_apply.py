"""The commands apply and model export: many media, formats, exit status, and use outside of a project."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import command_support
from flows.cli.main import app
from tasks.core.config import Config
from tasks.core.errors import UndertoneError
from tests.tasks.on_demand.applying.conftest import _built, trained  # noqa: F401  (fixtures)

Wav = Callable[..., Path]


@pytest.fixture(autouse=True)
def _no_upgrade(trained: Config, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr("flows.cli.apply.load_settings", lambda: trained)


def invoke(*arguments: str, lines: str = "") -> tuple[int, str, str]:
    result = CliRunner().invoke(app, arguments, input=lines)
    if isinstance(result.exception, UndertoneError):
        return 1, result.stdout, str(result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_many_media_and_a_bad_one(wav: Wav, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"junk")
    (tmp_path / "empty").mkdir()
    out = tmp_path / "out"
    arguments = (str(tmp_path / "bad.wav"), str(tmp_path / "empty"), str(wav(5.0)), "media/talk.flac")
    status, printed, errors = invoke("apply", "source", *arguments, "--out", str(out), "--to", "csv,jsonl")
    assert status == 1
    lines = [line for line in errors.splitlines() if line.startswith("undertone:")]
    assert len(lines) == 2
    assert "bad.wav" in lines[0]
    assert "no media in it" in lines[1]
    assert {path.name for path in out.iterdir() if not path.name.startswith(".")} == {
        "tone.csv", "tone.jsonl", "talk.csv", "talk.jsonl"
    }  # fmt: skip
    assert "[4/4] media/talk.flac: 3 utterances by its captions" in printed


def test_a_list_on_standard_input(wav: Wav, tmp_path: Path) -> None:
    status, printed, _ = invoke("apply", "source", "-", "--out", str(tmp_path), "--to", "csv", lines=f"{wav(5.0)}\n")
    assert status == 0
    assert "1 window (" in printed


def test_the_warnings_of_a_model_are_printed_once(wav: Wav, tmp_path: Path) -> None:
    _, _, errors = invoke("apply", "words", str(wav(5.0)), "media/talk.flac", "--out", str(tmp_path), "--to", "csv")
    assert errors.count("does not match its recipe") <= 1
    assert "there are no captions" in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("apply", "nothing", "x.wav"), "no trained model of this name"),
        (("apply", "voice", "x.wav", "--to", "pdf"), "there is no format 'pdf'"),
        (("apply", "voice", "x.wav", "--to", ","), "there is no format"),
        (("apply", "voice", "x.wav", "--by", "word"), "expected one of auto, captions"),
        (("apply", "voice", "-"), "the list is empty"),
        (("apply", "voice", "a.wav", "b.wav", "--captions", "a.vtt"), "--captions belongs to one file"),
        (("apply", "media", "x.wav"), "holds no model"),
    ],
)
def test_a_mistake_is_one_message(arguments: tuple[str, ...], message: str) -> None:
    status, _, error = invoke(*arguments)
    assert status == 1
    assert message in error


def test_an_exported_model_works_in_an_empty_folder(tmp_path: Path, wav: Wav, monkeypatch: pytest.MonkeyPatch) -> None:
    status, printed, _ = invoke("model", "export", "voice", str(tmp_path / "model"))
    assert status == 0
    assert "undertone apply" in printed
    empty = tmp_path / "empty"
    empty.mkdir()
    shutil.copy(wav(5.0), empty / "talk.wav")
    monkeypatch.chdir(empty)
    monkeypatch.setattr("flows.cli.apply.load_settings", command_support.load_settings)
    status, printed, _ = invoke("apply", "../model", "talk.wav", "--to", "csv,png")
    assert status == 0
    assert {path.name for path in Path("predictions/voice").glob("*.*") if path.name[0] != "."} == {
        "talk.csv",
        "talk.png",
    }


def test_predict_applies_the_model_of_the_report(wav: Wav, tmp_path: Path) -> None:
    status, _, error = invoke("predict", str(wav(5.0)))
    assert status == 1
    assert "Train it: undertone experiment run interviews-source" in error


def test_a_model_adapts_to_the_speaker_of_a_folder(tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    for take in range(5):
        shutil.copy(f"media/s4-{take}.wav", clips)
    out = ("--out", str(tmp_path / "out"), "--to", "csv", "--by", "file")
    status, printed, errors = invoke("apply", "adapted", "media/s4-5.wav", "--adapt", str(clips), *out)
    assert status == 0
    assert "Adapted to the speaker of 5 clips, without labels (uar " in printed
    assert "adapted by 5 clips, and the score of adapted is for 10: expect less" in errors
    status, _, errors = invoke("apply", "voice", "media/s4-5.wav", "--adapt", str(clips), *out)
    assert status == 1
    assert "its recipe has no `adapt`" in errors
