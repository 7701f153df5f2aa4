"""CTranslate2's model.bin: variables and aliases; truncated and foreign content is an error that names the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core.errors import InputError
from tasks.weights.conversion import ctranslate2_file
from tests.tasks.weights.tiny_weights import ctranslate2

VARIABLES: dict[str, Any] = {
    "encoder/a": np.arange(6, dtype="<f4").reshape(2, 3),
    "encoder/b": np.array([1.5, -2], dtype="<f2"),
    "heads": np.array(8, dtype="<i2"),
    "code": np.array([[-3]], dtype="i1"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.bin"


def test_variables_come_back(path: Path) -> None:
    path.write_bytes(ctranslate2(VARIABLES, {"decoder/a": "encoder/a"}))
    model = ctranslate2_file.read(path)
    assert (model.specification, model.revision) == ("WhisperSpec", 3)
    assert list(model.variables) == [*VARIABLES, "decoder/a"]
    for name, values in VARIABLES.items():
        assert model.variables[name].dtype == values.dtype
        np.testing.assert_array_equal(model.variables[name], values)
    np.testing.assert_array_equal(model.variables["decoder/a"], VARIABLES["encoder/a"])


def test_every_truncation_is_an_error(path: Path) -> None:
    whole = ctranslate2(VARIABLES, {"decoder/a": "encoder/a"})
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"model\.bin: at byte .*Fetch it again"):
            ctranslate2_file.read(path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (ctranslate2(VARIABLES, version=5), "version 5"),
        (ctranslate2(VARIABLES) + b"\0", "1 bytes after the end"),
        (ctranslate2(VARIABLES, {"b": "c"}), "the alias 'b' of 'c', which is no variable"),
        (ctranslate2({"a": np.zeros(2, "<f4")}).replace(b"\x08\0\0\0", b"\x04\0\0\0"), "has 4 bytes"),
        (ctranslate2({"aa": np.zeros(2, "<f4")}).replace(b"aa\0", b"aaa"), "without a zero byte"),
        (ctranslate2({"a": np.zeros(2, "<f4")}).replace(b"\x02\0\0\0\0", b"\x02\0\0\0\x09"), "is of type 9"),
        (ctranslate2({})[:-8] + b"\xff\xff\xff\xff" + b"\0" * 4, "4,294,967,295 variables"),
        (b"PK\x03\x04" + b"\0" * 100, "version"),
    ],
)
def test_foreign_content_is_an_error(path: Path, content: bytes, why: str) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match=why):
        ctranslate2_file.read(path)


def test_a_variable_that_comes_twice_is_an_error(path: Path) -> None:
    content = ctranslate2({"a": np.zeros(1, "<f4"), "b": np.zeros(1, "<f4")})
    path.write_bytes(content.replace(b"\x02\0b\0", b"\x02\0a\0"))
    with pytest.raises(InputError, match="a second variable 'a'"):
        ctranslate2_file.read(path)


def test_a_file_beyond_the_limit_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(ctranslate2(VARIABLES))
    monkeypatch.setattr(ctranslate2_file, "MAX_BYTES", 10)
    with pytest.raises(InputError, match="the limit for a model of CTranslate2 is 10"):
        ctranslate2_file.read(path)
