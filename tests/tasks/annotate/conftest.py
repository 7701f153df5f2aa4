"""Fixtures: a project with segments, a server in its own process, and a browser controlled by the DevTools protocol."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.annotate.candidates import Candidate
from tasks.annotate.rated_segments import Segment, SegmentId
from tasks.core import each, paths, tables
from tasks.core.config import Config
from tasks.stages import segments
from tests.browser import Tab, opened

ROOT = Path(__file__).resolve().parents[3]


def segment(number: int = 0, video: str = "test-1", text: str = "some words") -> Segment:
    start_s = number * 2.5
    return Segment(SegmentId(f"weak/{video}/{number:04d}", start_s, start_s + 2.4), video, text)


def candidate(number: int, video: str, weak: str | None, *shares: float) -> Candidate:
    probabilities = dict(zip(tables.SENTIMENTS, shares, strict=True)) if shares else {}
    return Candidate(segment(number, video), video.split("-", maxsplit=1)[0], weak, probabilities)


@pytest.fixture
def cut(captioned: Callable[..., None], settings: Config) -> None:
    """A project with 36 test and 9 training segments."""
    captioned(1, 4, 9)
    segments.run(settings, each=each.local(settings.runtime.model_copy(update={"workers": 1})))


def words(texts: dict[str, str]) -> None:
    """Replace the texts of some utterances."""
    rows = tables.read(paths.UTTERANCES, tables.UTTERANCES).to_pylist()
    for row in rows:
        row["text"] = texts.get(row["utterance_id"], row["text"])
    tables.write(tables.from_rows(rows, tables.UTTERANCES), paths.UTTERANCES, tables.UTTERANCES)


_WITHOUT_WAITING = (("--practice", "0"), ("--repeats", "0"), ("--least-played", "0"))


class Server:
    """`undertone annotate` in its own process; by default nothing but the queue, and clips need not be played on."""

    def __init__(self, *arguments: str) -> None:
        command = [
            sys.executable,
            "-c",
            "from flows.cli.main import main; main()",
            "annotate",
            "--port",
            "0",
            *(part for option in _WITHOUT_WAITING if option[0] not in arguments for part in option),
            *arguments,
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self.process.stdout is not None
        output = ""
        for line in self.process.stdout:
            output += line
            if match := re.search(r"http://\S+", line):
                self.url = match[0]
                return
        raise AssertionError(output)

    def post(self, path: str, **body: object) -> Any:
        address, token = self.url.split("?token=")
        port = address.rstrip("/").rpartition(":")[2]
        headers = {"Content-Type": "application/json", "X-Undertone": "annotate"}
        headers["Cookie"] = f"undertone_annotate_{port}={token}"
        request = urllib.request.Request(f"{address}api/{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def rate(self, listener: str, key: str, label: str | None, played_s: float = 1.0) -> Any:
        """Play an item and rate it."""
        self.post("play", listener=listener, key=key)
        return self.post("rate", listener=listener, key=key, label=label, played_s=played_s)

    def kill(self) -> None:
        self.process.kill()
        self._wait()

    def stop(self) -> str:
        """Stop it as Ctrl-C does and return its last output."""
        self.process.terminate()
        return self._wait()

    def _wait(self) -> str:
        output, _ = self.process.communicate(timeout=60)
        return output


@pytest.fixture
def served(cut: None) -> Iterator[Callable[..., Server]]:
    """Start servers on the project; kill those still running at the end."""
    started: list[Server] = []

    def start(*arguments: str) -> Server:
        started.append(Server(*arguments))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.kill()


class Page(Tab):
    """A tab with the listening page."""

    def press(self, key: str) -> None:
        code = {" ": "Space"}.get(key, f"Digit{key}" if key.isdigit() else f"Key{key.upper()}")
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=code, text=key if kind == "keyDown" else "")

    def enter(self, url: str, name: str) -> None:
        self.open(url, "!!document.getElementById('listener')")
        self.run("document.getElementById('listener').focus()")
        self.ask("Input.insertText", text=name)
        self.ask(
            "Input.dispatchKeyEvent", type="keyDown", key="Enter", code="Enter", text="\r", windowsVirtualKeyCode=13
        )
        self.until("!document.getElementById('listening').hidden")

    def progress(self) -> str:
        return str(self.run("document.getElementById('progress-text').textContent"))

    def vote(self, key: str, done: int, total: int) -> None:
        """Wait until the segment can be rated, press a key, and wait until the page counts the rating."""
        self.until("document.getElementById('segment').classList.contains('played')")
        self.press(key)
        self.until(f"document.getElementById('progress-text').textContent === '{done} of {total}'")


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Callable[[], Page]]:
    """Open tabs, each with its own profile, in one headless browser."""
    with opened(tmp_path, Page) as open_tab:
        yield open_tab
