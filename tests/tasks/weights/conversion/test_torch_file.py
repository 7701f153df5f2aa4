"""PyTorch's legacy format without PyTorch: tensors come back, and nothing in the file is executed."""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core.errors import InputError
from tasks.weights.conversion import torch_file
from tests.tasks.weights import tiny_weights

torch = pytest.importorskip("torch")
HEAD = (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pretrained.pt"


def save(content: Any, path: Path) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=False)


def test_tensors_come_back(path: Path) -> None:
    base = torch.arange(12, dtype=torch.float32)
    state = OrderedDict(
        whole=base,
        view=base[2:8].reshape(2, 3).T,
        half=torch.tensor([1.5, -2], dtype=torch.float16),
        count=torch.tensor(7),
        nothing=torch.zeros(0, 3),
    )
    save({"model_state": state, "step": 3, "other": [torch.ones(2)]}, path)
    tensors = torch_file.read(path, "model_state")
    assert list(tensors) == list(state)
    for name, tensor in state.items():
        np.testing.assert_array_equal(tensors[name], tensor.numpy())
        assert tensors[name].dtype == tensor.numpy().dtype


def test_every_truncation_is_an_error(path: Path) -> None:
    tiny_weights.save_speaker_network(tiny_weights.speaker_network(2, 2), path)
    whole = path.read_bytes()
    for size in range(0, len(whole), 37):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"pretrained\.pt: .*nothing else in the file is executed"):
            torch_file.read(path, "model_state")


class _Hostile:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (self.target, "executed"))


def test_code_in_a_file_is_not_executed(path: Path, tmp_path: Path) -> None:
    trap = tmp_path / "executed"
    parts = (*HEAD, {"model_state": _Hostile(trap)}, [])
    path.write_bytes(b"".join(pickle.dumps(part, protocol=2) for part in parts))
    with pytest.raises(InputError, match="which is not part of a tensor"):
        torch_file.read(path, "model_state")
    assert not trap.exists()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"magic": 5}, "begins with 5"),
        ({"protocol": 1}, "protocol 1, expected 1001"),
        ({"system": {"little_endian": False}}, "not little-endian"),
        ({"content": {"weights": {}}}, "no tensors by name under 'model_state'"),
        ({"content": ["model_state"]}, "no tensors by name under 'model_state'"),
    ],
)
def test_other_files_are_rejected(path: Path, changes: dict[str, Any], why: str) -> None:
    parts = {"magic": HEAD[0], "protocol": HEAD[1], "system": HEAD[2], "content": {}, "keys": [], **changes}
    path.write_bytes(b"".join(pickle.dumps(part, protocol=2) for part in parts.values()))
    with pytest.raises(InputError, match=why):
        torch_file.read(path, "model_state")


def test_the_newer_format_is_rejected(path: Path) -> None:
    tiny_weights.save_speaker_network(tiny_weights.speaker_network(), path, legacy=False)
    with pytest.raises(InputError, match=r"before version 1\.6"):
        torch_file.read(path, "model_state")


def test_a_storage_of_another_size_is_an_error(path: Path) -> None:
    save({"model_state": {"a": torch.ones(3)}}, path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20] + struct.pack("<q", 2**40) + whole[-12:])
    with pytest.raises(InputError, match="has 1,099,511,627,776 values, expected 3"):
        torch_file.read(path, "model_state")


def test_tensors_larger_than_the_file_are_an_error(path: Path) -> None:
    save({"model_state": {"a": torch.ones(1).expand(10**6)}}, path)
    with pytest.raises(InputError, match="its tensors overlap"):
        torch_file.read(path, "model_state")
