"""Print the requirements of chosen extras from requirements.lock: `locked_requirements.py --extras dev rest`.

`make env` installs what this prints, with hashes and without resolving anything. pip accepts hashes in requirements
files only, not in constraints, so each set of extras needs a file of its own. In the lock, uv notes below each package
which packages require it ("# via"); following these notes from the dependencies in pyproject.toml gives the subset.

Parts, in the order of installation:
- `build`: pip, setuptools, wheel, so that source packages are built with pinned tools
- `torch`: the CPU build of torch, which PyPI does not have for Linux; nothing if the extras need no torch or the CUDA
  build is wanted
- `rest`: everything else; NVIDIA's libraries (several GB) only with `--torch cuda`

It runs before anything is installed: standard library only.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BUILD_TOOLS = frozenset({"pip", "setuptools", "wheel"})
# what only the CUDA build of torch requires
CUDA_ONLY = re.compile(r"(nvidia|cuda)-.+|triton")
TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"
CPU_INDEX = "https://download.pytorch.org/whl/cpu/torch/"


class LockError(Exception):
    """The lock file and pyproject.toml do not fit together."""


@dataclass(frozen=True)
class Package:
    """A pinned package: its name, its version, its lines in the lock, and the names of packages that require it."""

    name: str
    version: str
    lines: tuple[str, ...]
    required_by: frozenset[str]

    @property
    def hashes(self) -> tuple[str, ...]:
        """The accepted digests, such as `sha256:…`."""
        return tuple(line.strip(" \\").removeprefix("--hash=") for line in self.lines[1:])


def normalised(name: str) -> str:
    """Return a package's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(requirement: str) -> str:
    """Return the name of the package in a requirement such as `pandera[pandas]>=0.35`."""
    return normalised(re.split(r"[^\w.-]", requirement, maxsplit=1)[0])


def read(lock: str) -> list[Package]:
    """Return the packages of a lock file, in its order; a package has several entries if markers choose its version."""
    packages: list[Package] = []
    for entry in re.split(r"\n(?=\S)", lock.rstrip("\n")):
        lines = entry.split("\n")
        head = re.match(r"([\w.-]+)==([\w.+!-]+)", lines[0])
        if head is None:
            raise LockError(f"requirements.lock: not a pinned package: {lines[0]!r}. Run `make lock`.")
        comments = [line.strip(" #").removeprefix("via").strip() for line in lines if line.lstrip().startswith("#")]
        required_by = frozenset(normalised(comment.split(" ")[0]) for comment in comments if comment)
        pins = tuple(line for line in lines if not line.lstrip().startswith("#"))
        packages.append(Package(normalised(head[1]), head[2], pins, required_by))
    return packages


def dependencies(project: dict[str, Any], extras: Iterable[str]) -> set[str]:
    """Return the names of the packages that the project and its extras ask for.

    Args:
        project: the table `project` of pyproject.toml
        extras: names of extras; an extra may name another (`undertone[cluster]`)

    Raises:
        LockError: there is no such extra
    """
    optional: dict[str, list[str]] = project["optional-dependencies"]
    names = {name_of(requirement) for requirement in project["dependencies"]}
    for extra in extras:
        if extra not in optional:
            raise LockError(f"no extra {extra!r}; there are {', '.join(sorted(optional))}: make env EXTRAS=deep,dev")
        for requirement in optional[extra]:
            own = re.fullmatch(rf"{project['name']}\[(.+)\]", requirement)
            names |= dependencies(project, own[1].split(",")) if own else {name_of(requirement)}
    return names


def select(packages: Sequence[Package], names: set[str], *, cuda: bool) -> list[Package]:
    """Return the named packages and all that they require, in the order of the lock.

    Args:
        packages: of the lock file
        names: packages to install
        cuda: include what only the CUDA build of torch requires

    Raises:
        LockError: a named package is not in the lock file
    """
    missing = names - {package.name for package in packages}
    if missing:
        raise LockError(f"requirements.lock lacks {', '.join(sorted(missing))}. Run `make lock`.")
    chosen: set[str] = set()
    added = names
    while added:
        chosen |= added
        added = {package.name for package in packages if _required(package, chosen, cuda=cuda)} - chosen
    return [package for package in packages if package.name in chosen]


def _required(package: Package, by: set[str], *, cuda: bool) -> bool:
    """Return whether one of the packages requires this one."""
    dependants = package.required_by & by
    if not cuda and CUDA_ONLY.fullmatch(package.name):
        dependants = frozenset(name for name in dependants if name != "torch" and not CUDA_ONLY.fullmatch(name))
    return bool(dependants)


def cpu_torch(torch: Package, wheels: dict[str, str], python: str) -> list[str]:
    """Return the lines that install the CPU build of torch; on other systems than Linux it is the build on PyPI.

    Args:
        torch: its entry in the lock, with the hashes of PyPI's files
        wheels: file names of CPU builds and their SHA-256, from pyproject.toml
        python: tag of the interpreter, such as `cp311`

    Raises:
        LockError: there is no CPU build of this version, or none for this interpreter
    """
    version = f"{torch.version}+cpu"
    digests = [f"sha256:{digest}" for name, digest in wheels.items() if name.startswith(f"torch-{version}-")]
    if not digests:
        raise LockError(
            f"[tool.undertone.torch-cpu] in pyproject.toml has no file of torch {version}. "
            f"Add those for Python 3.11 and 3.12 and their SHA-256, from {CPU_INDEX}."
        )
    if not any(f"-{python}-" in name for name in wheels):
        raise LockError(
            f"[tool.undertone.torch-cpu] in pyproject.toml has no CPU build of torch {torch.version} for {python}. "
            f"Install PyPI's build, with NVIDIA's libraries (TORCH=cuda), leave out the extra `deep`, or add the file "
            f"from {CPU_INDEX}."
        )
    pins = [
        (f"{version} ; sys_platform == 'linux'", digests),
        (f"{torch.version} ; sys_platform != 'linux'", torch.hashes),
    ]
    return [
        line
        for pin, hashes in pins
        for line in (
            f"torch=={pin} \\",
            *(f"    --hash={digest} \\" for digest in hashes[:-1]),
            f"    --hash={hashes[-1]}",
        )
    ]


def requirements(part: str, extras: Sequence[str], *, cuda: bool, root: Path = ROOT) -> list[str]:
    """Return the lines of a requirements file.

    Args:
        part: `build`, `torch` or `rest`
        extras: names of extras of pyproject.toml
        cuda: take the CUDA build of torch
        root: folder of pyproject.toml and requirements.lock

    Raises:
        LockError: the files do not fit together, or there is no such extra
    """
    pyproject = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    packages = read((root / "requirements.lock").read_text(encoding="utf-8"))
    if part == "build":
        chosen = [package for package in packages if package.name in BUILD_TOOLS]
    else:
        chosen = select(packages, dependencies(pyproject["project"], extras), cuda=cuda)
    torch = None if cuda else next((package for package in chosen if package.name == "torch"), None)
    if part == "torch":
        return cpu_torch(torch, pyproject["tool"]["undertone"]["torch-cpu"], TAG) if torch else []
    return [line for package in chosen if package is not torch for line in package.lines]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the requirements; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("part", choices=("build", "torch", "rest"))
    parser.add_argument("--extras", default="", help="names of extras, separated by commas")
    parser.add_argument("--torch", choices=("cpu", "cuda"), default="cpu")
    options = parser.parse_args(arguments)
    extras = [extra.strip() for extra in options.extras.split(",") if extra.strip()]
    try:
        lines = requirements(options.part, extras, cuda=options.torch == "cuda")
    except LockError as error:
        print(f"make env: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
