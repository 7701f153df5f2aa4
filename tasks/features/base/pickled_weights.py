"""Weights in PyTorch's own format (`pytorch_model.bin`, .pth, .pt, .ckpt), converted once to safetensors.

The format is a pickle. `torch.load(weights_only=True)` does not execute it: an interpreter of its own rebuilds tensors
and plain containers, and refuses everything else. Results are in `.undertone/checkpoints`, named by the digest of the
original files: the same files are converted once, and have the same fingerprint wherever they are.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from tasks.core import paths, tables
from tasks.core.errors import InputError

SUFFIXES = (".bin", ".pth", ".pt", ".ckpt")
WEIGHTS = ("pytorch_model.bin", "pytorch_model.bin.index.json")
"""A file of weights, or the index of several."""
CONVERTED = "model.safetensors"
MAX_BYTES = 8 * 2**30
_MAX_INDEX_BYTES, _MAX_FILES = 64 * 2**20, 100
_NESTED = ("state_dict", "model")
"""Keys under which training scripts keep the weights."""


def converted(files: Sequence[Path], descriptions: Sequence[Path], checkpoint: str) -> Path:
    """Return a folder with weights as `model.safetensors`, and copies of other files.

    Args:
        files: of weights: one, or those that an index names
        descriptions: files to copy: configuration, tokenizer
        checkpoint: its name in messages

    Raises:
        InputError: if the weights are too large, damaged, or hold anything but tensors
    """
    if (size := sum(path.stat().st_size for path in files)) > MAX_BYTES:
        raise InputError(
            f"checkpoint {checkpoint}: {size / 2**30:.1f} GiB of weights in PyTorch's own format; the limit is "
            f"{MAX_BYTES / 2**30:.1f} GiB. Use a checkpoint with safetensors weights"
        )
    target = paths.CHECKPOINTS.resolve() / digest_of([*files, *descriptions])[:16]
    # the weights come last: a folder that has them is complete
    if not (target / CONVERTED).is_file():
        tensors = {name: tensor for path in files for name, tensor in _read(path, checkpoint).items()}
        target.mkdir(parents=True, exist_ok=True)
        for path in descriptions:
            with tables.whole(target / path.name) as part:
                shutil.copyfile(path, part)
        from safetensors.torch import save_file

        with tables.whole(target / CONVERTED) as part:
            save_file(tensors, part, metadata={"format": "pt"})
    return target


def files_of(folder: Path, checkpoint: str) -> list[Path]:
    """Return a folder's files of weights in PyTorch's own format; none if it has none under their usual names.

    Args:
        folder: of a checkpoint
        checkpoint: its name in messages

    Raises:
        InputError: if its index of several files is damaged, or names a file that is missing
    """
    single, index = (folder / name for name in WEIGHTS)
    if single.is_file() or not index.is_file():
        return [single] if single.is_file() else []
    try:
        if index.stat().st_size > _MAX_INDEX_BYTES:
            raise ValueError(f"it has more than {_MAX_INDEX_BYTES:,} bytes")
        names = sorted({str(name) for name in json.loads(index.read_bytes())["weight_map"].values()})
        if len(names) > _MAX_FILES or any(Path(name).name != name for name in names):
            raise ValueError(f"expected at most {_MAX_FILES} files beside it")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"checkpoint {checkpoint}: {index} is no index of files of weights: {error}") from None
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise InputError(f"checkpoint {checkpoint}: {folder} lacks {', '.join(missing)}, which {index.name} names")
    return [folder / name for name in names]


def digest_of(files: Sequence[Path]) -> str:
    """Return the SHA-256 of files and their names; cached per size and modification time.

    Args:
        files: in a fixed order
    """
    stats = [path.stat() for path in files]
    return _digest(tuple((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in zip(files, stats, strict=True)))


@lru_cache(maxsize=16)
def _digest(files: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for name, size, _ in files:
        digest.update(f"{Path(name).name}\0{size}\0".encode())
        with Path(name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _read(path: Path, checkpoint: str) -> dict[str, Any]:
    import torch

    most = 2 * path.stat().st_size + 2**20
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                _demand_size(sum(entry.file_size for entry in archive.infolist()), most)
        content = torch.load(path, map_location="cpu", weights_only=True)
        for name in _NESTED:
            content = content[name] if isinstance(content.get(name), Mapping) else content
        tensors = {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}
        if not tensors:
            raise ValueError("it holds no tensors by name, as a state_dict does")
        # a view may be larger than the file by any factor, and is copied in full
        _demand_size(sum(value.numel() * value.element_size() for value in tensors.values()), most)
        # copies: safetensors refuses tensors that share memory
        return {name: value.detach().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}
    except Exception as error:
        # damaged and hostile files raise almost anything
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(
            f"checkpoint {checkpoint}: {path} cannot be converted to safetensors: {reason}. Expected a file that "
            "torch.save wrote, with tensors only: nothing else in it is executed. Fetch it again, or use a checkpoint "
            "with safetensors weights"
        ) from None


def _demand_size(n_bytes: int, most: int) -> None:
    if n_bytes > most:
        raise ValueError(f"its content takes {n_bytes:,} bytes in memory, more than its size explains")
