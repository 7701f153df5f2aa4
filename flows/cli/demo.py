"""The embedded interview site, for `undertone demo` and `undertone ui`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def demand_sample_lists(config: Config) -> None:
    """Check that the project's lists name the sample only.

    Raises:
        InputError: if they name other interviews
    """
    if not lists_are_the_samples(config):
        raise InputError(
            f"{config.crawl.train} and {config.crawl.test} list other interviews than the sample's; the demo crawls "
            "only the sample. For yours: undertone run. For the demo: a fresh clone, or git checkout data/*.csv"
        )


def _write_lists(config: Config, train: Path, test: Path) -> None:
    pages = sample(config.simulate, paths.SITE)
    site.write_lists(pages, f"http://127.0.0.1:{config.simulate.port}", train, test)
