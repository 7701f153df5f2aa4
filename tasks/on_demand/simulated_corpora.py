"""Simulate small corpora in published layouts with synthetic voices, for tests and demos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core import paths, tables
from tasks.core.config import INTERVIEWS
from tasks.core.errors import InputError
from tasks.corpora.readers import registry

if TYPE_CHECKING:
    from tasks.simulate.studio import Signals


def make(reader: str, folder: Path, *, seed: int = 7, signals: Signals | None = None) -> None:
    """Write a reader's sample; the same arguments give the same bytes.

    Args:
        reader: name of the reader whose layout is written
        folder: a new folder
        seed: of everything random
        signals: strength of each modality, and number of dialogues; None: full strength, a small corpus

    Raises:
        InputError: if the folder exists, or there is no such reader, or it has no sample or no such signals
    """
    from tasks.simulate.studio import studio

    sample = registry.corpus(reader).sample
    if reader == INTERVIEWS:
        raise InputError("simulated interviews are crawled from a site of their own: undertone demo")
    if sample is None:
        raise InputError(f"reader {reader} has no simulated sample; simulate the corpora in it")
    if signals is not None and not sample.obeys_signals:
        samples = {name: registry.corpus(name).sample for name in registry.names()}
        able = ", ".join(name for name, other in samples.items() if other and other.obeys_signals)
        raise InputError(f"simulated {reader} always shows everything; signals work with {able}")
    if folder.exists():
        raise InputError(f"{folder} already exists; remove it, or choose another name")
    with studio(seed, signals) as tools:
        sample.write(folder, tools)
    tables.write_text(folder / paths.SIMULATED, f"Made by undertone in the layout of {reader}: synthetic voices.\n")
