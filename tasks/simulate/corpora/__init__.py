"""Small corpora in published layouts, spoken by synthetic voices: for tests and demos, without a licence."""

from __future__ import annotations

from pathlib import Path

from tasks import paths, tables
from tasks.errors import InputError


def make(reader: str, folder: Path, *, seed: int = 7) -> None:
    """Make a small corpus in a reader's layout; the same seed gives the same bytes.

    Args:
        reader: whose layout
        folder: a new folder
        seed: what chance decides

    Raises:
        InputError: if the folder is there already, or there is no such corpus to simulate
    """
    from tasks.simulate.corpora import acted, conversations

    makers = {**acted.MAKERS, **conversations.MAKERS}
    if reader not in makers:
        raise InputError(f"there is no simulated {reader!r}; there are {', '.join(makers)}")
    if folder.exists():
        raise InputError(f"{folder} is there already; remove it, or choose another name")
    makers[reader](folder, seed)
    tables.write_text(folder / paths.SIMULATED, f"Made by undertone in the layout of {reader}: synthetic voices.\n")
