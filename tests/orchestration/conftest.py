"""Fixtures of the tests of orchestration: one Prefect server and one interview site for all."""

from __future__ import annotations

import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.core.config import Config
from tasks.simulate.sample import sample
from tests.orchestration import harness
from tests.orchestration.harness import Interviews


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Start a Prefect server; yield the environment of its clients."""
    home = tmp_path_factory.mktemp("server") / "home"
    home.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    env = {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLI_PROMPT": "false",
        "DO_NOT_TRACK": "1",
    }
    command = (sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", port)
    with harness.running(command, home, **env) as started:
        until = time.monotonic() + 90
        while not _answers(env["PREFECT_API_URL"]):
            assert started.process.poll() is None, started.log.read_text()
            assert time.monotonic() < until, started.log.read_text()
            time.sleep(0.3)
        yield env


@pytest.fixture(scope="session")
def interviews(tmp_path_factory: pytest.TempPathFactory, settings: Config) -> Iterator[Interviews]:
    """Serve a sample of four interviews for training, two without usable captions, and two held out."""
    pages = sample(settings.simulate.model_copy(update={"train": 4, "test": 2}), tmp_path_factory.mktemp("site"))
    playable = tuple(entry for entry in pages.entries if int(entry.id) <= 8)
    with harness.served(replace(pages, entries=playable)) as interviews:
        yield interviews


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, interviews: Interviews) -> tuple[Path, float]:
    """Return a project after an undisturbed `dvc repro`, and its duration in seconds."""
    folder = harness.project(tmp_path_factory.mktemp("undisturbed") / "project", interviews, **harness.LIGHT)
    took = harness.run(harness.REPRO, folder)
    harness.run(harness.REPRO, folder)
    return folder, took
