"""Vectors of texts by onnxruntime: order, lengths, repeated texts, names and folders of encoders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tasks.core.errors import InputError
from tasks.features.base import sentence_encoder, sentence_files
from tasks.features.base.sentence_encoder import SentenceEncoder
from tasks.features.base.sentence_files import SentenceFiles
from tasks.weights import store
from tests.tasks.weights import tiny_weights

TEXTS = ["so happy for you", "no", "", "not for me at all", "so happy for you", "you " * 400, "words it has not"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_weights.text_encoder(tmp_path / "encoder", TEXTS)


@pytest.fixture
def files(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SentenceFiles:
    monkeypatch.chdir(tmp_path)
    return sentence_files.find(str(folder), "int8")


def test_rows_are_those_of_the_texts(files: SentenceFiles) -> None:
    encoder = SentenceEncoder(files)
    vectors = encoder.means(TEXTS, [0, encoder.n_layers])
    assert vectors.shape == (len(TEXTS), 2, encoder.width)
    assert np.isfinite(vectors).all()
    for row, text in enumerate(TEXTS):
        assert np.abs(encoder.means([text], [0, encoder.n_layers])[0] - vectors[row]).max() < 1e-6
    assert (vectors[0] == vectors[4]).all()
    backwards = encoder.means(TEXTS[::-1], [0, encoder.n_layers])
    assert (backwards[::-1] == vectors).all()
    assert encoder.means([], [0]).shape == (0, 1, encoder.width)


def test_states_are_those_of_the_tokens(files: SentenceFiles) -> None:
    encoder = SentenceEncoder(files)
    states = encoder.states(TEXTS, encoder.n_layers)
    # a special token before and after; a long text is cut
    assert [len(values) for values in states] == [6, 3, 2, 7, 6, tiny_weights.POSITIONS, 6]
    means = encoder.means(TEXTS, [encoder.n_layers])[:, 0]
    assert np.abs(np.stack([values.mean(axis=0) for values in states]) - means).max() < 1e-5


def test_a_folder_is_converted_once(folder: Path, files: SentenceFiles, tmp_path: Path) -> None:
    assert files.graph.is_relative_to(tmp_path / ".undertone")
    before = files.graph.stat().st_mtime_ns
    assert sentence_files.find(str(folder), "int8") == files
    assert files.graph.stat().st_mtime_ns == before
    other = sentence_files.find(str(folder), "float32")
    assert other.graph != files.graph
    assert other.sha256 != files.sha256
    assert sentence_encoder.load(files) is sentence_encoder.load(files)


def test_names_of_encoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sentence_files.name_of("minilm") == sentence_files.name_of("all-MiniLM-L6-v2") == "all-minilm-l6-v2"
    assert sentence_files.name_of("sentence-transformers/all-mpnet-base-v2") == sentence_files.name_of("mpnet")
    assert sentence_files.name_of("owner/model") == "owner/model"
    (tmp_path / "all-MiniLM-L6-v2").mkdir()
    assert sentence_files.name_of("all-MiniLM-L6-v2") == "all-MiniLM-L6-v2"


def test_an_encoder_that_is_not_here_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(store.VARIABLE, str(tmp_path / "cache"))
    with pytest.raises(InputError, match="fetch it: undertone weights fetch all-mpnet-base-v2"):
        sentence_files.find("mpnet", "int8")
    monkeypatch.setattr(sentence_files, "_is_packaged", lambda: False)
    with pytest.raises(InputError, match="fetch it: undertone weights fetch all-minilm-l6-v2"):
        sentence_files.find("minilm", "int8")


def test_a_folder_without_a_tokenizer_or_with_damaged_files_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "tokenizer.json").rename(tmp_path / "tokenizer.json")
    (folder / "vocab.txt").write_text("so")
    with pytest.raises(InputError, match=r"lacks tokenizer\.json; save it with a fast tokenizer"):
        sentence_files.find(str(folder), "int8")
    (folder / "encoder-int8.onnx").write_bytes(b"nothing")
    (tmp_path / "tokenizer.json").rename(folder / "tokenizer.json")
    with pytest.raises(InputError, match="the text encoder cannot be loaded"):
        SentenceEncoder(sentence_files.find(str(folder), "int8"))
