"""Fixtures of the night: one real Prefect server and one site of interviews for all tests here."""

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
from tests.night import machinery
from tests.night.machinery import Interviews


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A Prefect server of its own; yields the environment that leads there."""
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
    with machinery.running(command, home, **env) as started:
        until = time.monotonic() + 90
        while not _answers(env["PREFECT_API_URL"]):
            assert started.process.poll() is None, started.log.read_text()
            assert time.monotonic() < until, started.log.read_text()
            time.sleep(0.3)
        yield env


@pytest.fixture(scope="session")
def interviews(tmp_path_factory: pytest.TempPathFactory, settings: Config) -> Iterator[Interviews]:
    """The sample with four interviews to train on, two without useful captions, and two held out."""
    pages = sample(settings.simulate.model_copy(update={"train": 4, "test": 2}), tmp_path_factory.mktemp("site"))
    playable = tuple(entry for entry in pages.entries if int(entry.id) <= 8)
    with machinery.served(replace(pages, entries=playable)) as found:
        yield found


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, interviews: Interviews) -> tuple[Path, float]:
    """A project that `dvc repro` ran through in peace, and how long that took, in seconds."""
    folder = machinery.project(tmp_path_factory.mktemp("undisturbed") / "project", interviews, **machinery.LIGHT)
    took = machinery.run(machinery.REPRO, folder)
    machinery.run(machinery.REPRO, folder)
    return folder, took
