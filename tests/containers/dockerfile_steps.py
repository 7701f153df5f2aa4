"""Execute the steps of a Dockerfile without a container engine: `python -m tests.containers.dockerfile_steps WORK`.

Each stage is a folder, in which RUN is executed by chroot in mount and process namespaces of its own, with the
stage's environment, working folder and user. The base image `python:X.Y-slim-bookworm` is replaced by a minimal Debian
(debootstrap) with the Python of this machine in /usr/local. Needs root, `unshare`, `debootstrap` and package indexes.

Not done: layers and their cache, capabilities, limits, networks, and whatever else of the engine's is no step.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.containers import dockerfile
from tests.containers.dockerfile import Instruction, Stage

ROOT = Path(__file__).resolve().parents[2]
# shared libraries of Python's extension modules, which Debian's python packages or the official image have, too
LIBRARIES = (
    "ca-certificates netbase tzdata libbz2-1.0 libffi8 liblzma5 libncursesw6 libreadline8 libsqlite3-0 libssl3 "
    "libuuid1 zlib1g libexpat1"
)  # fmt: skip
_ENTER = """
set -e
root=$1; shift
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount --rbind /dev "$root/dev"
mount --bind /etc/resolv.conf "$root/etc/resolv.conf"
{mounts}
exec chroot {user} "$root" "$@"
"""


@dataclass
class Image:
    """A folder with a root file system, and what the instructions have set."""

    root: Path
    env: dict[str, str] = field(
        default_factory=lambda: {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    )
    user: str = "root"
    folder: str = "/"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    def enter(
        self,
        command: Sequence[str],
        env: dict[str, str] | None = None,
        *,
        user: str = "",
        mounts: dict[str, Path] | None = None,
    ) -> list[str]:
        """Return the command line that executes a command inside.

        Args:
            command: the command
            env: further variables
            user: another user than the image's
            mounts: folder or file inside → the one of this machine that is bound there
        """
        user = user or self.user
        binds = "\n".join(f'mount --bind "{source}" "$root{target}"' for target, source in (mounts or {}).items())
        script = _ENTER.format(mounts=binds, user="" if user == "root" else f"--userspec={user}:{user}")
        home = "/root" if user == "root" else f"/home/{user}"
        variables = {"HOME": home, **self.env, **(env or {})}
        inside = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', self.folder, *command]
        assignments = [f"{name}={value}" for name, value in variables.items()]
        namespaces = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
        return [*namespaces, "/bin/sh", "-c", script, "sh", str(self.root), "/usr/bin/env", "-i", *assignments, *inside]


def prepare_base(folder: Path, python: Path) -> None:
    """Make the stand-in of the base image, once.

    Args:
        folder: of the root file system
        python: prefix of a Python of the Dockerfile's version
    """
    if (folder / "usr/local/bin/python").exists():
        return
    _run(["debootstrap", "--variant=minbase", "bookworm", str(folder), "http://deb.debian.org/debian"])
    image = Image(folder)
    install = f"apt-get update -qq && apt-get install -qq -y --no-install-recommends {LIBRARIES}"
    _run(image.enter(["/bin/sh", "-c", install], {"DEBIAN_FRONTEND": "noninteractive"}))
    shutil.copytree(python, folder / "usr/local", symlinks=True, dirs_exist_ok=True)
    (version,) = {path.name for path in (python / "bin").glob("python3.*") if re.fullmatch(r"python3\.\d+", path.name)}
    (folder / "usr/local/bin/python").unlink(missing_ok=True)
    (folder / "usr/local/bin/python").symlink_to(version)
    _run(image.enter(["ldconfig"]))


def build(
    stages: Sequence[Stage],
    context: Path,
    work: Path,
    base: Path,
    *,
    arguments: dict[str, str],
    build_env: dict[str, str],
) -> Image:
    """Execute all stages and return the last one's image.

    Args:
        stages: of the Dockerfile
        context: the build context
        work: folder for the stages' root file systems
        base: root file system that stands for the base image
        arguments: values of ARG
        build_env: variables of this machine that RUN needs here, such as pip's certificates; not part of the image
    """
    images: dict[str, Image] = {}
    patterns = dockerfile.ignore_patterns((context / ".dockerignore").read_text(encoding="utf-8"))
    for number, stage in enumerate(stages):
        image = Image(work / f"stage-{number}")
        shutil.rmtree(image.root, ignore_errors=True)
        _run(
            [
                "cp",
                "-a",
                "--reflink=auto",
                str(images[stage.base].root if stage.base in images else base),
                str(image.root),
            ]
        )
        given: dict[str, str] = {}
        for instruction in stage.instructions:
            started = time.monotonic()
            if instruction.name == "ARG":
                given |= {name: arguments.get(name, value) for name, value in dockerfile.pairs(instruction).items()}
            elif instruction.name == "COPY":
                _copy(instruction, image, context, patterns, images)
            elif instruction.name == "RUN":
                _run(image.enter(["/bin/sh", "-c", instruction.text], {**build_env, **given}))
            else:
                _set(instruction, image)
            seconds = time.monotonic() - started
            print(f"[{stage.name} {seconds:6.1f} s] {instruction.name} {instruction.text[:140]}", flush=True)
        images[stage.name] = image
    return image


def _set(instruction: Instruction, image: Image) -> None:
    match instruction.name:
        case "ENV":
            image.env |= {
                name: dockerfile.substituted(value, image.env) for name, value in dockerfile.pairs(instruction).items()
            }
        case "USER":
            image.user = instruction.text
        case "WORKDIR":
            image.folder = instruction.text
            (image.root / instruction.text.strip("/")).mkdir(parents=True, exist_ok=True)
        case "ENTRYPOINT":
            image.entrypoint = instruction.words()
        case "CMD":
            image.command = instruction.words()
        case "HEALTHCHECK":
            image.health = dockerfile.health_command(instruction)


def _copy(
    instruction: Instruction, image: Image, context: Path, patterns: Sequence[str], images: dict[str, Image]
) -> None:
    words = instruction.words()
    stage = next((word.removeprefix("--from=") for word in words if word.startswith("--from=")), None)
    *sources, target = [word for word in words if not word.startswith("--")]
    inside = image.root / Path(image.folder, target).relative_to("/")
    if stage is not None:
        inside.parent.mkdir(parents=True, exist_ok=True)
        for source in sources:
            _run(["cp", "-a", f"{images[stage].root}{source}", str(inside)])
        return
    for source in sources:
        files = dockerfile.context_files(context, source, patterns)
        if not files:
            raise SystemExit(f"line {instruction.line}: COPY {source}: no such file in the build context")
        # of a folder, the content is copied; of files, the files
        top = Path(source) if (context / source).is_dir() else None
        for file in files:
            copied = inside / (file.relative_to(top) if top else file.name)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(context / file, copied)


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(
            f"exit status {done.returncode}: {' '.join(command)[-600:]}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )


def machine_environment() -> dict[str, str]:
    """Return the settings of pip and of proxies on this machine, which an engine's build would get by its own means."""
    names = re.compile(
        r"PIP_(CERT|DEFAULT_TIMEOUT|INDEX_URL)|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|(?i:https?_proxy|no_proxy)"
    )
    return {name: value for name, value in os.environ.items() if names.fullmatch(name)}


def main() -> None:
    """Build the image; then run its entry point, to show that it works."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("work", type=Path, help="folder for root file systems, 3 GB")
    parser.add_argument("--python", type=Path, default=Path(sys.base_prefix), help="prefix of a Python 3.12")
    parser.add_argument("--extras", default="cluster")
    options = parser.parse_args()
    base = options.work / "base"
    prepare_base(base, options.python)
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    shutil.copy(certificates, base / certificates.relative_to("/"))
    stages = dockerfile.read((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    image = build(
        stages, ROOT, options.work, base, arguments={"EXTRAS": options.extras}, build_env=machine_environment()
    )
    (options.work / "image.json").write_text(json.dumps({**asdict(image), "root": str(image.root)}, indent=2))
    subprocess.run(image.enter([*image.entrypoint, "--version"]), check=True)


if __name__ == "__main__":
    main()
