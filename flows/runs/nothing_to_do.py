"""A run of stages that are all current: it is noticed without DVC, and without importing what other runs need."""

from __future__ import annotations

from collections.abc import Callable, Collection

from flows.project import current_note
from tasks.core import locks


def note_name(stages: Collection[str], *, everything: bool) -> str:
    """Return the name of the note about a run; empty if there is none, since its stages were named one by one.

    Args:
        stages: that were named
        everything: whether all stages run
    """
    return "" if stages else "all" if everything else "interviews"


def reported(note: str, say: Callable[[str], None]) -> bool:
    """Report all stages of a note as current, if no file has changed since; return whether that is so.

    Args:
        note: its name
        say: receives one line per stage
    """
    current = current_note.unchanged(note)
    for name in current:
        locks.forget(name)
        say(f"{name}: current")
    return bool(current)
