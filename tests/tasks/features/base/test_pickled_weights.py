"""Weights in PyTorch's own format are converted once; nothing in them is executed."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra deep is not installed")
pytest.importorskip("transformers", reason="the extra deep is not installed")

from safetensors.torch import load_file  # noqa: E402

from tasks.core import paths  # noqa: E402
from tasks.core.errors import InputError  # noqa: E402
from tasks.features.base import checkpoints, pickled_weights  # noqa: E402


@pytest.fixture
def pickled(tiny_bert: str, tmp_path: Path, project: Path) -> Path:
    """Folder of a text encoder with its weights in PyTorch's own format; the project is the current folder."""
    folder = Path(shutil.copytree(tiny_bert, tmp_path / "pickled"))
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    return folder


def test_an_encoder_is_the_same_in_both_formats(pickled: Path, tiny_bert: str) -> None:
    (tokenizer, own), (_, converted) = checkpoints.text_encoder(tiny_bert), checkpoints.text_encoder(str(pickled))
    tokens = tokenizer(["how you doin"], return_tensors="pt")
    assert torch.equal(own(**tokens).last_hidden_state, converted(**tokens).last_hidden_state)
    assert sorted(path.name for path in pickled.iterdir() if path.suffix != ".json") == ["pytorch_model.bin"]


def test_weights_are_converted_once_and_have_one_fingerprint(pickled: Path, tmp_path: Path) -> None:
    folder = Path(checkpoints.folder_of(str(pickled)))
    assert folder.parent == paths.CHECKPOINTS.resolve()
    written = (folder / "model.safetensors").stat().st_mtime_ns
    before = checkpoints.fingerprint(str(pickled))
    moved = pickled.rename(tmp_path / "elsewhere")
    assert checkpoints.folder_of(str(moved)) == str(folder)
    assert (folder / "model.safetensors").stat().st_mtime_ns == written
    assert checkpoints.fingerprint(str(moved)) == before
    shutil.rmtree(folder)
    assert checkpoints.fingerprint(str(moved)) == before, "a second conversion gives the same bytes"
    config = json.loads((moved / "config.json").read_text())
    (moved / "config.json").write_text(json.dumps(config | {"note": "another"}))
    assert checkpoints.fingerprint(str(moved)) != before


def test_several_files_with_an_index(pickled: Path) -> None:
    whole = checkpoints.fingerprint(str(pickled))
    weights = load_file(Path(checkpoints.folder_of(str(pickled)), "model.safetensors"))
    (pickled / "pytorch_model.bin").unlink()
    names = sorted(weights)
    for number, chosen in enumerate((names[::2], names[1::2])):
        torch.save({name: weights[name] for name in chosen}, pickled / f"pytorch_model-{number}.bin")
    places = {name: f"pytorch_model-{number % 2}.bin" for number, name in enumerate(names)}
    (pickled / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": places}))
    _, model = checkpoints.text_encoder(str(pickled))
    assert checkpoints.fingerprint(str(pickled)) != whole, "the index is copied, too"
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items() if name in weights)
    (pickled / "pytorch_model-1.bin").unlink()
    with pytest.raises(InputError, match=r"lacks pytorch_model-1\.bin, which pytorch_model\.bin\.index\.json names"):
        checkpoints.folder_of(str(pickled))


@pytest.mark.parametrize("index", ["{", "[]", '{"weight_map": {"a": "../outside.bin"}}', '{"weight_map": 3}'])
def test_a_damaged_index(pickled: Path, index: str) -> None:
    (pickled / "pytorch_model.bin").unlink()
    (pickled / "pytorch_model.bin.index.json").write_text(index)
    with pytest.raises(InputError, match="is no index of files of weights"):
        checkpoints.folder_of(str(pickled))


class _Command:
    def __reduce__(self) -> Any:
        return os.mkdir, ("executed",)


def test_code_in_a_pickle_is_not_executed(pickled: Path) -> None:
    torch.save({"weights": torch.zeros(3), "other": _Command()}, pickled / "pytorch_model.bin")
    with pytest.raises(InputError, match="cannot be converted to safetensors: Weights only load failed"):
        checkpoints.folder_of(str(pickled))
    assert not Path("executed").exists()
    assert not list(paths.CHECKPOINTS.glob("*")), "nothing is left behind"


@pytest.mark.parametrize("content", [b"", b"no pickle at all", b"PK\x03\x04 no archive"])
def test_a_damaged_file(pickled: Path, content: bytes) -> None:
    (pickled / "pytorch_model.bin").write_bytes(content)
    with pytest.raises(InputError, match=r"pickled: .*pytorch_model\.bin cannot be converted.* Fetch it again"):
        checkpoints.folder_of(str(pickled))


def test_a_truncated_file(pickled: Path) -> None:
    path = pickled / "pytorch_model.bin"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match="cannot be converted"):
        checkpoints.folder_of(str(pickled))


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [1, 2]])
def test_a_file_without_tensors(pickled: Path, content: Any) -> None:
    torch.save(content, pickled / "pytorch_model.bin")
    with pytest.raises(InputError, match="cannot be converted"):
        checkpoints.folder_of(str(pickled))


def test_what_would_fill_the_memory_is_refused(pickled: Path) -> None:
    path = pickled / "pytorch_model.bin"
    torch.save({"weights": torch.zeros(1).expand(10**9, 10**3)}, path)
    with pytest.raises(InputError, match="takes 4,000,000,000,000 bytes in memory, more than its size explains"):
        checkpoints.folder_of(str(pickled))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(2**23))
    with pytest.raises(InputError, match="more than its size explains"):
        checkpoints.folder_of(str(pickled))


def test_too_large_a_file_is_not_read(pickled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickled_weights, "MAX_BYTES", 1000)
    with pytest.raises(InputError, match=r"0\.0 GiB of weights in PyTorch's own format; the limit is 0\.0 GiB"):
        checkpoints.folder_of(str(pickled))


def test_weights_of_a_training_script_are_nested(tmp_path: Path, project: Path) -> None:
    torch.save({"epoch": 3, "state_dict": {"a": torch.ones(2)}}, tmp_path / "w.ckpt")
    weights = load_file(checkpoints.weights_file(str(tmp_path / "w.ckpt")))
    assert list(weights) == ["a"]
