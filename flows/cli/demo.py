"""`undertone demo`: serves the embedded interview site on loopback and runs the main job on it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.core import paths
from tasks.core.config import Config
from tasks.core.errors import InputError
from tasks.simulate import site
from tasks.simulate.sample import sample


def base_url(config: Config) -> str:
    """Return where the sample site is served."""
    return f"http://127.0.0.1:{config.simulate.port}"


@contextmanager
def served(config: Config) -> Iterator[str]:
    """Serve the sample site for as long as the context lasts, and yield its URL.

    Raises:
        InputError: if its port is taken
    """
    with site.serve(sample(config.simulate, paths.SITE), port=config.simulate.port) as url:
        yield url


def lists_are_the_samples(config: Config) -> bool:
    """Say whether the project's lists are those of the embedded sample."""
    pages = sample(config.simulate, paths.SITE)
    with tempfile.TemporaryDirectory() as folder:
        train, test = Path(folder, "train.csv"), Path(folder, "test.csv")
        site.write_lists(pages, base_url(config), train, test)
        pairs = ((train, Path(config.crawl.train)), (test, Path(config.crawl.test)))
        return all(mine.is_file() and theirs.read_bytes() == mine.read_bytes() for theirs, mine in pairs)


def demand_sample_lists(config: Config) -> None:
    """Check that the demo would crawl the sample and nothing else.

    Raises:
        InputError: if the lists name other interviews
    """
    if not lists_are_the_samples(config):
        raise InputError(
            f"{config.crawl.train} and {config.crawl.test} list interviews of your own, and the demo crawls only its "
            "sample. Run your own with `undertone run`; for the demo, use a fresh clone or `git checkout data/*.csv`"
        )
