"""Recognition of a checkpoint: which entries of the table describe it, and how surely."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.weights import store
from tasks.weights.known import table
from tasks.weights.known.table import KnownWeights

RANDOM = "tiny:"
"""Beginning of the names of encoders with random weights, which are made on this machine."""
_WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.pth", "*.ckpt", "*.onnx")
_MAX_CONFIG_BYTES = 2**24


@dataclass(frozen=True)
class Recognised:
    """An entry of the table that describes a checkpoint.

    Args:
        weights: the entry
        exact: whether it describes these very weights: recognised by a digest, or by a name on a hub or in the table.
            Otherwise they may have been trained further: the folder's name or configuration names the entry
        how: the evidence, in words
    """

    weights: KnownWeights
    exact: bool
    how: str


def recognise(checkpoint: str, rows: Mapping[str, KnownWeights] | None = None) -> tuple[Recognised, ...]:
    """Return the entries that describe a checkpoint, exact ones first, each once.

    Args:
        checkpoint: a name in the table, a name on a hub, or a path
        rows: the table; `known.yaml` by default
    """
    entries = table.known() if rows is None else rows
    try:
        path = Path(checkpoint).expanduser()
        local = path.exists()
    except (OSError, RuntimeError):
        # too long for a file name, or below the home of nobody
        path, local = Path(), False
    named = entries.get(checkpoint) or _by_hub_name(checkpoint, entries)
    if named and not local:
        return (Recognised(named, True, f"its name is {checkpoint}"),)
    evidence = [*(_in_folder(path, entries) if local else ()), *_by_name(checkpoint, entries)]
    best: dict[str, Recognised] = {}
    for item in sorted(evidence, key=lambda item: not item.exact):
        best.setdefault(item.weights.name, item)
    return tuple(best.values())


def _by_hub_name(name: str, entries: Mapping[str, KnownWeights]) -> KnownWeights | None:
    lower = name.lower()
    return next((entry for entry in entries.values() if lower in (hub.lower() for hub in entry.hub)), None)


def _by_name(checkpoint: str, entries: Mapping[str, KnownWeights]) -> Iterator[Recognised]:
    """Yield the entry whose name, or name on a hub, a path contains or a name begins with: the longest one."""
    cached = re.findall(r"(?:models|datasets)--([^\\/]+?)--([^\\/]+)", checkpoint)
    names = ["/".join(pair) for pair in cached] + [re.split(r"[\\/]", checkpoint.rstrip("/\\"))[-1]]
    for name in names:
        if entry := _by_hub_name(name, entries):
            yield Recognised(entry, False, f"its folder is named {name}")
            return
    last = names[-1].lower()
    by_name = {short: entry for entry in entries.values() for short in _short_names(entry) if last.startswith(short)}
    if by_name:
        short = max(by_name, key=len)
        yield Recognised(by_name[short], False, f"its name begins with {short}")


def _short_names(entry: KnownWeights) -> Iterator[str]:
    yield entry.name.lower()
    yield from (hub.rpartition("/")[2].lower() for hub in entry.hub)


def _in_folder(path: Path, entries: Mapping[str, KnownWeights]) -> Iterator[Recognised]:
    folder = path if path.is_dir() else path.parent
    files = [path] if path.is_file() else sorted({file for pattern in _WEIGHTS for file in path.glob(pattern)})
    yield from _by_digest(files, entries)
    if origin := _origin(folder):
        entry = entries.get(origin) or _by_hub_name(origin, entries)
        if entry:
            yield Recognised(entry, False, f"its config.json names {origin}")
        else:
            yield from _by_name(origin, entries)


def _by_digest(files: list[Path], entries: Mapping[str, KnownWeights]) -> Iterator[Recognised]:
    by_size: dict[int | None, list[tuple[KnownWeights, str]]] = {}
    for entry in entries.values():
        for file in entry.files:
            by_size.setdefault(file.n_bytes, []).append((entry, file.sha256))
    for path in files:
        # where the size of a known file is not known, every file is compared with its digest
        for entry, sha256 in [*by_size.get(path.stat().st_size, ()), *by_size.get(None, ())]:
            if store.digest(path.resolve()).sha256.startswith(sha256):
                yield Recognised(entry, True, f"{path.name} has its digest")


def _origin(folder: Path) -> str:
    """Return the name of the checkpoint that a folder was saved from, by its configuration; "" if it has none."""
    path = folder / "config.json"
    try:
        if path.stat().st_size > _MAX_CONFIG_BYTES:
            return ""
        name = json.loads(path.read_bytes()).get("_name_or_path", "")
    except (OSError, ValueError, AttributeError, RecursionError):
        return ""
    return name if isinstance(name, str) else ""
