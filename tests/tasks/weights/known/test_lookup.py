"""A checkpoint is recognised by its name, by its weights' digest in a renamed folder, and by its configuration."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.weights.known import table
from tasks.weights.known.lookup import recognise
from tasks.weights.known.table import KnownFile, KnownWeights

CONTENT = b"weights of a known model"


@pytest.fixture
def rows() -> Mapping[str, KnownWeights]:
    known = dict(table.known())
    digest = hashlib.sha256(CONTENT).hexdigest()
    name = "wav2vec2-lg-xlsr-en-speech-emotion-recognition"
    known[name] = replace(known[name], files=(KnownFile("model.safetensors", digest, len(CONTENT)),))
    return known


def seen(checkpoint: str | Path, rows: Mapping[str, KnownWeights] | None = None) -> list[tuple[str, bool]]:
    return [(item.weights.name, item.exact) for item in recognise(str(checkpoint), rows)]


def folder(path: Path, weights: bytes = b"other weights", **settings: object) -> Path:
    path.mkdir(parents=True)
    (path / "model.safetensors").write_bytes(weights)
    (path / "config.json").write_text(json.dumps(settings))
    return path


@pytest.mark.parametrize("name", ["whisper-base", "openai/whisper-base", "systran/FASTER-whisper-base"])
def test_names_are_exact(name: str) -> None:
    assert seen(name) == [("whisper-base", True)]


def test_an_unknown_name_is_nothing() -> None:
    assert seen("me/my-model") == []


def test_a_longer_name_may_be_a_further_training() -> None:
    assert seen("me/wav2vec2-base-960h-mine") == [("wav2vec2-base-960h", False)]
    assert seen("me/emotion2vec_plus_large_v2") == [("emotion2vec-plus-large", False)]


def test_a_renamed_folder_is_recognised_by_its_weights(tmp_path: Path, rows: Mapping[str, KnownWeights]) -> None:
    path = folder(tmp_path / "my-model", CONTENT)
    assert seen(path, rows) == [("wav2vec2-lg-xlsr-en-speech-emotion-recognition", True)]
    assert seen(path / "model.safetensors", rows) == [("wav2vec2-lg-xlsr-en-speech-emotion-recognition", True)]
    (path / "model.safetensors").write_bytes(CONTENT[::-1])
    assert seen(path, rows) == []


def test_a_digest_of_unknown_size_is_enough(tmp_path: Path, rows: Mapping[str, KnownWeights]) -> None:
    name = "wav2vec2-lg-xlsr-en-speech-emotion-recognition"
    (file,) = rows[name].files
    path = folder(tmp_path / "my-model", CONTENT)
    for sha256 in (file.sha256, file.sha256[:8]):
        unsized = {**rows, name: replace(rows[name], files=(replace(file, sha256=sha256, n_bytes=None),))}
        assert seen(path, unsized) == [(name, True)]
        assert unsized[name].n_bytes is None


def test_the_weights_say_more_than_the_name(tmp_path: Path, rows: Mapping[str, KnownWeights]) -> None:
    path = folder(tmp_path / "wav2vec2-base", CONTENT)
    assert seen(path, rows) == [("wav2vec2-lg-xlsr-en-speech-emotion-recognition", True), ("wav2vec2-base", False)]


def test_a_folder_is_recognised_by_its_configuration(tmp_path: Path) -> None:
    path = folder(tmp_path / "mine", _name_or_path="ehcalabres/wav2vec2-lg-xlsr-en-speech-emotion-recognition")
    assert seen(path) == [("wav2vec2-lg-xlsr-en-speech-emotion-recognition", False)]
    moved = folder(tmp_path / "moved", _name_or_path="/models/iic/emotion2vec_plus_large")
    assert seen(moved) == [("emotion2vec-plus-large", False)]


def test_a_folder_is_recognised_by_its_name_or_its_place_in_the_hubs_cache(tmp_path: Path) -> None:
    assert seen(folder(tmp_path / "hubert-large-superb-er")) == [("hubert-large-superb-er", False)]
    cached = folder(tmp_path / "models--superb--hubert-base-superb-er" / "snapshots" / "a1b2")
    assert seen(cached) == [("hubert-base-superb-er", False)]


def test_a_folder_with_a_hub_name_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path / "facebook" / "wav2vec2-base")
    monkeypatch.chdir(tmp_path)
    assert seen("facebook/wav2vec2-base") == [("wav2vec2-base", False)]


@pytest.mark.parametrize("content", ["", "[1]", '{"_name_or_path": 7}', "[" * 10_000])
def test_a_damaged_configuration_names_nothing(tmp_path: Path, content: str) -> None:
    path = folder(tmp_path / "mine")
    (path / "config.json").write_text(content)
    assert seen(path) == []


def test_a_name_that_cannot_be_a_path_is_no_error() -> None:
    assert seen("x" * 10_000) == []
    assert seen("~nobody-of-this-name/model") == []
