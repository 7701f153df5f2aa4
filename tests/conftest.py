"""Fixtures shared by all tests: sound made on the spot, a project folder of one's own, real data where it is."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tasks.core import config, distribution
from tasks.core.errors import InputError

ROOT = Path(__file__).resolve().parent.parent
HAS_DEEP = importlib.util.find_spec("torch") is not None


def _skipped_without_deep() -> Generator[None, object, object]:
    """Skip a test that ends at our own message that the extra `deep` is missing, where it is."""
    try:
        return (yield)
    except InputError as error:
        if HAS_DEEP or distribution.how_to_install("deep") not in str(error):
            raise
        pytest.skip(str(error))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    """Skip tests whose fixtures need the extra `deep`, where it is missing."""
    return (yield from _skipped_without_deep())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Skip tests that need the extra `deep`, where it is missing."""
    return (yield from _skipped_without_deep())


@pytest.fixture
def wav(tmp_path: Path) -> Callable[..., Path]:
    """Write a tone with a little noise as 16-bit PCM and return its path."""

    def write(duration_s: float = 1.0, rate_hz: int = 16_000, name: str = "tone.wav", channels: int = 1) -> Path:
        rng = np.random.default_rng(3)
        time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
        signal = 0.3 * np.sin(2 * np.pi * 220 * time_s) + 0.01 * rng.standard_normal(time_s.size)
        path = tmp_path / name
        soundfile.write(path, np.repeat(signal[:, None], channels, axis=1), rate_hz, subtype="PCM_16")
        return path

    return write


@pytest.fixture(scope="session")
def settings() -> config.Config:
    """The settings as shipped."""
    return config.load(ROOT / "params.yaml")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the shipped params.yaml, as the current directory."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(ROOT / "params.yaml", folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def prefect() -> Iterator[None]:
    """A temporary Prefect server, the only one that flows called in this process talk to."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=90):
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data, or skip."""
    folder = Path(os.environ.get("UNDERTONE_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set UNDERTONE_REAL_DATA")
    return folder.resolve()


@pytest.fixture
def fetched() -> Callable[[str], Path]:
    """Folder of pretrained weights by name, or skip."""
    from tasks.weights import store

    def folder(name: str) -> Path:
        if not store.is_here(name):
            pytest.skip(f"{name} is not in {store.root()}: make weights")
        return store.folder(name)

    return folder
