"""Shared by the tests of orchestration: an interview site that logs transfers, projects, runs that can be killed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from flows.project import workspace
from tasks.simulate import site
from tasks.simulate.site import Pages

# small training settings: these tests are about orchestration
LIGHT = {
    "tune": "{grid: {c: [0.01, 0.1]}, folds: 2, by: macro_f1}",
    "calibration_folds": "2",
    "shuffles": "2",
    "bootstrap": "100",
}
FLOW = (sys.executable, "-m", "flows.weak_supervision")
REPRO = (sys.executable, "-m", "dvc", "repro")
_MEDIA = re.compile(r"/media/.*\.(m4a|webm)$")
_TIMEOUT_S = 600.0


@dataclass
class Transfer:
    """One request for a media file; times in seconds of the monotonic clock."""

    path: str
    first_byte: int
    began: float
    ended: float | None = None


@dataclass
class Interviews:
    """A site of interviews on loopback, with a log of media transfers."""

    pages: Pages
    url: str = ""
    transfers: list[Transfer] = field(default_factory=list)

    def fetched_twice(self, kills: Sequence[float] = ()) -> tuple[list[str], int]:
        """Return media that were sent completely twice; those in flight at a kill are only counted.

        Args:
            kills: times of kills on the monotonic clock, in seconds
        """
        twice, in_flight = [], 0
        for path in sorted({transfer.path for transfer in self.transfers}):
            whole = sorted((t for t in self.transfers if t.path == path and t.ended), key=lambda t: t.began)
            for before, after in pairwise(whole):
                if after.first_byte == 0:
                    if any(before.began <= kill <= (before.ended or 0) + 1.0 for kill in kills):
                        in_flight += 1
                    else:
                        twice.append(path)
        return twice, in_flight


@contextmanager
def served(pages: Pages) -> Iterator[Interviews]:
    """Serve pages and log transfers."""
    interviews = Interviews(pages)
    plain = site._application

    def counting(pages: Pages, own_hosts: frozenset[str]) -> Callable[..., object]:
        return _counting(plain(pages, own_hosts), interviews.transfers)

    site._application = counting
    try:
        with site.serve(pages) as url:
            interviews.url = url
            yield interviews
    finally:
        site._application = plain


def _counting(app: Any, log: list[Transfer]) -> Callable[..., Awaitable[None]]:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not _MEDIA.match(scope["path"]):
            await app(scope, receive, send)
            return
        wanted = dict(scope["headers"]).get(b"range", b"bytes=0-").decode()
        transfer = Transfer(scope["path"], int(wanted.removeprefix("bytes=").partition("-")[0] or 0), time.monotonic())
        log.append(transfer)

        async def sending(message: Any) -> None:
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                transfer.ended = time.monotonic()

        await app(scope, receive, sending)

    return answer


def project(folder: Path, interviews: Interviews, *, without: Collection[str] = (), **changes: str) -> Path:
    """Make a project whose lists name the site's interviews.

    Args:
        folder: the project folder
        interviews: the site
        without: ids to leave out of the lists
        changes: keys of params.yaml with new values
    """
    workspace.create(folder)
    write_lists(folder, interviews, without)
    params = folder / "params.yaml"
    text = params.read_text().replace("127.0.0.1:8417", interviews.url.removeprefix("http://"))
    for key, value in changes.items():
        text, n = re.subn(rf"(?m)^( +{key}: )\S.*$", rf"\g<1>{value}", text)
        assert n == 1, key
    params.write_text(text)
    return folder


def write_lists(folder: Path, interviews: Interviews, without: Collection[str] = ()) -> None:
    """Write the project's lists: the site's interviews except those to leave out."""
    entries = tuple(entry for entry in interviews.pages.entries if entry.id not in without)
    pages = replace(interviews.pages, entries=entries)
    site.write_lists(pages, interviews.url, folder / "data/train.csv", folder / "data/test.csv")


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a run: this Python first on the path, and the given variables."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", "PREFECT_LOGGING_LEVEL": "WARNING", **more}


@dataclass
class Run:
    """A run in a process of its own."""

    process: subprocess.Popen[bytes]
    log: Path
    began: float

    def finish(self, timeout_s: float = _TIMEOUT_S) -> float:
        """Wait for the end of a run that must succeed; return its duration in seconds."""
        assert self.process.wait(timeout_s) == 0, f"{self.process.args}:\n{self.log.read_text()[-3000:]}"
        return time.monotonic() - self.began

    def kill(self) -> list[psutil.Process]:
        """Kill the process, as the kernel does when memory runs out; return its child processes."""
        with suppress(psutil.NoSuchProcess):
            started = psutil.Process(self.process.pid).children(recursive=True)
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            return started
        return []


@contextmanager
def running(command: Sequence[str], folder: Path, **more: str) -> Iterator[Run]:
    """Start a command in a project; kill it and its children on exit."""
    log = folder.parent / f"{folder.name}.log"
    with log.open("ab") as sink:
        process = subprocess.Popen(
            command, cwd=folder, env=environment(**more), stdout=sink, stderr=sink, start_new_session=True
        )
    try:
        yield Run(process, log, time.monotonic())
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run(command: Sequence[str], folder: Path, **more: str) -> float:
    """Run a command that must succeed; return its duration in seconds."""
    with running(command, folder, **more) as started:
        return started.finish()


def artifacts(folder: Path) -> dict[str, str]:
    """Return digests of all artifacts of a project and of its dvc.lock."""
    files = [path for path in (folder / "data").rglob("*") if path.is_file() and path.parent != folder / "data"]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in [*files, folder / "dvc.lock"]
    }


def names(folder: Path) -> set[str]:
    """Return the names of all files and folders of a project; cache entries are named by content.

    Git's are left out: the name of the project's first commit depends on the time.
    """
    paths = (path.relative_to(folder) for path in folder.rglob("*"))
    return {str(path) for path in paths if path.parts[0] not in ("tasks", "flows", ".git")}


def tallies(folder: Path) -> dict[str, int]:
    """Return the number of items that each stage computed in its last run."""
    files = sorted((folder / ".undertone/tally").glob("*.json"))
    return {path.stem: json.loads(path.read_text())["done"] for path in files}
