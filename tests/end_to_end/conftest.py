"""A project folder of its own beside a served sample site, for tests that run the real thing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from flows.project import workspace
from tasks.core.config import Config
from tasks.simulate import site
from tasks.simulate.sample import sample


@pytest.fixture
def workspaces(
    tmp_path: Path, settings: Config, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[Path, ...]]]:
    """Serve a sample and make project folders whose lists name it."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    with ExitStack() as stack:

        def make(*names: str, **simulated: object) -> tuple[Path, ...]:
            pages = sample(settings.simulate.model_copy(update=simulated), tmp_path / "site")
            url = stack.enter_context(site.serve(pages))
            folders = tuple(tmp_path / name for name in names)
            for folder in folders:
                workspace.create(folder)
                site.write_lists(pages, url, folder / "data/train.csv", folder / "data/test.csv")
                params = folder / "params.yaml"
                text = params.read_text().replace("127.0.0.1:8417", url.removeprefix("http://"))
                params.write_text(text.replace("attempts: 4", "attempts: 2"))
            return folders

        yield make
