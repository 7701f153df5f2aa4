"""Small corpora in published layouts, spoken by synthetic voices: for tests and demos, without a licence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core import paths, tables
from tasks.core.errors import InputError

if TYPE_CHECKING:
    from tasks.simulate.corpora.conversations import Signals


def make(reader: str, folder: Path, *, seed: int = 7, signals: Signals | None = None) -> None:
    """Make a small corpus in a reader's layout; the same seed gives the same bytes.

    Args:
        reader: whose layout
        folder: a new folder
        seed: what chance decides
        signals: how much each modality tells, and how many dialogues there are; None: everything, in a small corpus

    Raises:
        InputError: if the folder is there already, there is no such corpus to simulate, or it has no such signals
    """
    from tasks.simulate.corpora import acted, conversations

    makers = {**acted.MAKERS, **conversations.MAKERS}
    conversing = conversations.WITH_SIGNALS
    if reader not in {**makers, **conversing}:
        raise InputError(f"there is no simulated {reader!r}; there are {', '.join({**makers, **conversing})}")
    if signals is not None and reader not in conversing:
        raise InputError(f"simulated {reader} always tells everything; signals are of {', '.join(conversing)}")
    if folder.exists():
        raise InputError(f"{folder} is there already; remove it, or choose another name")
    if reader in conversing:
        conversing[reader](folder, seed, signals or conversations.CLEAR)
    else:
        makers[reader](folder, seed)
    tables.write_text(folder / paths.SIMULATED, f"Made by undertone in the layout of {reader}: synthetic voices.\n")
