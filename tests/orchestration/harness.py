"""What the tests of the night share: a site that keeps count, projects on it, and runs that can be killed."""

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

# orchestration is tested here, and not how a kernel SVM grows with its rows
LIGHT = {"c_grid": "[0.01]", "outer_folds": "2", "inner_folds": "2", "shuffles": "2", "bootstrap": "100"}
FLOW = (sys.executable, "-m", "flows.weak_supervision")
REPRO = (sys.executable, "-m", "dvc", "repro")
_MEDIA = re.compile(r"/media/.*\.(m4a|webm)$")
_PATIENCE_S = 600.0


@dataclass
class Transfer:
    """One request for a media file; times in seconds of the monotonic clock."""

    path: str
    first_byte: int
    began: float
    ended: float | None = None


@dataclass
class Interviews:
    """A site of interviews on loopback that writes down who asked for which media."""

    pages: Pages
    url: str = ""
    transfers: list[Transfer] = field(default_factory=list)

    def fetched_twice(self, kills: Sequence[float] = ()) -> tuple[list[str], int]:
        """Return media sent whole and then again from the start, and how many of those were in flight at a kill."""
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
    """Serve pages, counting."""
    found = Interviews(pages)
    plain = site._application

    def counting(pages: Pages) -> Callable[..., object]:
        return _counting(plain(pages), found.transfers)

    site._application = counting
    try:
        with site.serve(pages) as url:
            found.url = url
            yield found
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
        folder: where it is made
        interviews: the site
        without: ids that the lists leave out
        changes: what stands in params.yaml, and what is to stand there
    """
    workspace.create(folder)
    listed(folder, interviews, without)
    params = folder / "params.yaml"
    text = params.read_text().replace("127.0.0.1:8417", interviews.url.removeprefix("http://"))
    for key, value in changes.items():
        text, n = re.subn(rf"(?m)^(  {key}: )\S.*$", rf"\g<1>{value}", text)
        assert n == 1, key
    params.write_text(text)
    return folder


def listed(folder: Path, interviews: Interviews, without: Collection[str] = ()) -> None:
    """Write the project's lists: all of the site's interviews but those left out."""
    chosen = tuple(entry for entry in interviews.pages.entries if entry.id not in without)
    pages = replace(interviews.pages, entries=chosen)
    site.write_lists(pages, interviews.url, folder / "data/train.csv", folder / "data/test.csv")


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a run: this Python first on the path, no terminal, and what is given."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", "PREFECT_LOGGING_LEVEL": "WARNING", **more}


@dataclass
class Run:
    """A run in a process of its own."""

    process: subprocess.Popen[bytes]
    log: Path
    began: float

    def finish(self, patience_s: float = _PATIENCE_S) -> float:
        """Wait for the end of a run that must succeed; return how long it took, in seconds."""
        assert self.process.wait(patience_s) == 0, f"{self.process.args}:\n{self.log.read_text()[-3000:]}"
        return time.monotonic() - self.began

    def kill(self) -> list[psutil.Process]:
        """Kill the process itself, as the kernel does when memory runs out; return what it had started."""
        with suppress(psutil.NoSuchProcess):
            started = psutil.Process(self.process.pid).children(recursive=True)
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            return started
        return []


@contextmanager
def running(command: Sequence[str], folder: Path, **more: str) -> Iterator[Run]:
    """Start a command in a project; on leaving, nothing of it is left."""
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
    """Run a command to its end, which must be a good one; return how long it took, in seconds."""
    with running(command, folder, **more) as started:
        return started.finish()


def artifacts(folder: Path) -> dict[str, str]:
    """Return a digest of every artifact of a project, of dvc.lock, and of nothing else."""
    made = [path for path in (folder / "data").rglob("*") if path.is_file() and path.parent != folder / "data"]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in [*made, folder / "dvc.lock"]
    }


def names(folder: Path) -> set[str]:
    """Return every file and folder a run leaves that is named by what it is; memo and cache entries are."""
    left = (path.relative_to(folder) for path in folder.rglob("*"))
    return {str(path) for path in left if path.parts[0] not in ("tasks", "flows")}


def tallies(folder: Path) -> dict[str, int]:
    """Return how many items each stage worked on the last time it ran."""
    found = sorted((folder / ".undertone/tally").glob("*.json"))
    return {path.stem: json.loads(path.read_text())["done"] for path in found}
