"""Which reader reads what."""

from __future__ import annotations

from importlib import import_module

from tasks.corpora.reading import Corpus
from tasks.errors import InputError

NAMES = ("ravdess", "tess", "crema-d", "iemocap", "meld", "mosei", "emodb", "savee", "aesdd", "plain")


def corpus(name: str) -> Corpus:
    """Return the corpus that a reader's name stands for.

    Raises:
        InputError: if there is no such reader
    """
    if name not in NAMES:
        raise InputError(f"there is no reader {name!r}; the readers are {', '.join(NAMES)}")
    found: Corpus = import_module(f"tasks.corpora.{name.replace('-', '_')}").CORPUS
    return found
