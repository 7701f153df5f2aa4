"""The embedded interview site, for `undertone demo` and `undertone ui`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.project import workspace
from tasks.core import paths, tables
from tasks.core.config import Config, load
from tasks.core.errors import InputError
from tasks.simulate import site
from tasks.simulate.sample import sample


@contextmanager
def served(config: Config) -> Iterator[str]:
    """Serve the sample on loopback while the context is open; yield its URL.

    Raises:
        InputError: if the port is taken
    """
    with site.serve(sample(config.simulate, paths.SITE), port=config.simulate.port) as url:
        yield url


def on_a_free_port(config: Config) -> Config:
    """Return settings whose `simulate.port` is free; if the port is taken, params.yaml and the lists get another one.

    Args:
        config: all settings; the lists are the sample's
    """
    taken, port = config.simulate.port, site.free_port(config.simulate.port)
    if port == taken:
        return config
    text = paths.PARAMS.read_text(encoding="utf-8")
    text = text.replace(f"127.0.0.1:{taken}", f"127.0.0.1:{port}").replace(f"port: {taken}", f"port: {port}")
    tables.write_text(paths.PARAMS, text)
    moved = load(paths.PARAMS)
    _write_lists(moved, Path(moved.crawl.train), Path(moved.crawl.test))
    return moved


def lists_are_the_samples(config: Config) -> bool:
    """Return whether the project's lists are those of the sample."""
    with tempfile.TemporaryDirectory() as folder:
        train, test = Path(folder, "train.csv"), Path(folder, "test.csv")
        _write_lists(config, train, test)
        pairs = ((train, Path(config.crawl.train)), (test, Path(config.crawl.test)))
        return all(mine.is_file() and theirs.read_bytes() == mine.read_bytes() for theirs, mine in pairs)


def prepare_folder() -> str | None:
    """Make a project of an empty folder; return a line that says so.

    Raises:
        InputError: if the folder is neither empty nor a project
    """
    if paths.PARAMS.is_file():
        return None
    if any(Path().iterdir()):
        raise InputError(
            f"{Path.cwd()} is neither a project nor empty; make a folder for the demo: mkdir demo && cd demo && "
            "undertone demo"
        )
    workspace.create(Path())
    return f"{Path.cwd()} is a project now"


def prepare_lists(config: Config) -> str | None:
    """Give a project without interviews the sample's lists; return a line that says so.

    Args:
        config: all settings

    Raises:
        InputError: if the lists name other interviews than the sample's
    """
    train, test = Path(config.crawl.train), Path(config.crawl.test)
    if _is_empty(train) and _is_empty(test):
        _write_lists(config, train, test)
        return f"{train} and {test} list the sample's interviews now"
    if not lists_are_the_samples(config):
        raise InputError(
            f"{train} and {test} list other interviews than the sample's; the demo crawls only the sample. For yours: "
            "undertone run. For the demo: mkdir demo && cd demo && undertone demo"
        )
    return None


def _is_empty(path: Path) -> bool:
    """Return whether a list is missing, or has no row but its header."""
    if not path.is_file():
        return True
    rows = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return not rows or (len(rows) == 1 and rows[0].startswith("Id,"))


def _write_lists(config: Config, train: Path, test: Path) -> None:
    pages = sample(config.simulate, paths.SITE)
    site.write_lists(pages, f"http://127.0.0.1:{config.simulate.port}", train, test)
