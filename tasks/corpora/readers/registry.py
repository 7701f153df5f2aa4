"""Which reader reads what."""

from __future__ import annotations

from tasks.core.errors import InputError
from tasks.corpora.readers.reading import Corpus

NAMES = ("ravdess", "tess", "crema-d", "iemocap", "meld", "mosei", "emodb", "savee", "aesdd", "plain")


def corpus(name: str) -> Corpus:
    """Return the corpus that a reader's name stands for.

    Raises:
        InputError: if there is no such reader
    """
    from tasks.corpora.readers import aesdd, crema_d, emodb, iemocap, meld, mosei, plain, pool, ravdess, savee, tess

    readers = (ravdess, tess, crema_d, iemocap, meld, mosei, emodb, savee, aesdd, plain)
    found: dict[str, Corpus] = {reader.CORPUS.name: reader.CORPUS for reader in readers}
    if name == pool.NAME:
        return pool.corpus(list(found.values()))
    if name not in found:
        raise InputError(f"there is no reader {name!r}; the readers are {', '.join((*NAMES, pool.NAME))}")
    return found[name]
