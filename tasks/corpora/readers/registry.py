"""Registry of corpus readers: each module of this package with a `CORPUS` is one, under its file name."""

from __future__ import annotations

from importlib import import_module

from tasks.core import discovery
from tasks.core.config import INTERVIEWS
from tasks.core.errors import InputError
from tasks.corpora import readers
from tasks.corpora.readers import pool, reading
from tasks.corpora.readers.reading import CorpusReader

_NO_READERS = {__name__, pool.__name__, reading.__name__, f"{readers.__name__}.{INTERVIEWS}"}
_OTHERS = (pool.NAME, INTERVIEWS)
"""Readers of what is no published corpus: they are not tried on folders, nor expected in a pool."""


def names() -> tuple[str, ...]:
    """Return the names of all readers but `pool` and `interviews`, sorted; imports none of them."""
    modules = set(discovery.modules(readers.__name__)) - _NO_READERS
    return tuple(sorted(name.rpartition(".")[2].replace("_", "-") for name in modules))


def module(name: str) -> str:
    """Return the dotted name of a reader's module.

    Args:
        name: the reader's name

    Raises:
        InputError: if there is no such reader
    """
    if name not in (*names(), *_OTHERS):
        raise InputError(f"there is no reader {name!r}; the readers are {', '.join((*names(), pool.NAME))}")
    return f"{readers.__name__}.{name.replace('-', '_')}"


def corpus(name: str) -> CorpusReader:
    """Return a reader; imports no other reader's module, except for `pool`, which reads all corpora.

    Args:
        name: the reader's name

    Raises:
        InputError: if there is no such reader
    """
    loaded = import_module(module(name))
    if name == pool.NAME:
        return pool.corpus({other: corpus(other) for other in names()})
    reader: CorpusReader = loaded.CORPUS
    return reader
