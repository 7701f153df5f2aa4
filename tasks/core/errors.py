"""The exceptions that undertone raises.

UndertoneError                 the user can fix it: shown as one message, without a traceback
├── ConfigError                params.yaml holds something it must not
├── InputError                 a file given by the user is not what it should be (names file and row)
├── TableError                 a table between two stages breaks its schema
├── AudioError                 sound that cannot be read or used
├── NotEnoughData              too few videos, utterances or classes for what was asked
├── LeakError                  training and test share what the protocol keeps apart
├── Busy                       another process holds a lock; the message names it
└── Rejected                   one item cannot be used; the rest of the stage goes on
    └── Transient              … for now: it is not cached, and the next run tries again

ItemsFailed (tasks.core.bugs)  bugs in our code, met by items: they fail the stage after all other items are done
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping


class UndertoneError(Exception):
    """A failure the user can fix; its message says what was found, what was expected and how to go on.

    Attributes:
        item: the item of a stage whose work raised it; empty elsewhere
    """

    item = ""


class ConfigError(UndertoneError):
    """params.yaml holds an unknown key, a wrong type or an impossible value."""


class InputError(UndertoneError):
    """A list, a votes file or another input of the user's is malformed."""


class TableError(UndertoneError):
    """A table between two stages does not follow its schema."""


class AudioError(UndertoneError):
    """A sound file cannot be decoded, or a signal cannot be used."""


class NotEnoughData(UndertoneError):
    """There is too little data for the protocol that was asked for."""


class LeakError(UndertoneError):
    """Training and test part share what the protocol keeps apart, and the recipe does not declare it."""


class Busy(UndertoneError):
    """Another process holds what is needed."""


class Rejected(UndertoneError):
    """One item cannot be used. It lands in the stage's `rejected` table; the stage goes on.

    Args:
        reason: a short phrase from a closed set per stage, such as "no captions"; counted in the report
        detail: what exactly was found (may hold text from outside: escaped where it is shown)
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


class Transient(Rejected):
    """An item failed temporarily (a time-out, a busy server); the next run tries it again."""


def one_of(name: str, allowed: Iterable[str], what: str) -> None:
    """Check that a name is allowed.

    Args:
        name: the name
        allowed: the allowed names
        what: the beginning of the message, such as `there is no model`

    Raises:
        ConfigError: if it is not; the message lists the allowed names and a similar one
    """
    names = list(allowed)
    if name not in names:
        listed = ", ".join(names) or "none yet"
        raise ConfigError(f"{what} {name!r}; {guess(name, names)}There {'are' if names else 'is'} {listed}")


def guess(name: str, allowed: Iterable[str], forms: Mapping[str, str] | None = None) -> str:
    """Return the question whether a similar name was meant; an empty text if none is similar.

    Args:
        name: an unknown name
        allowed: the allowed names
        forms: name → how it is written, where that is more than the name
    """
    close = difflib.get_close_matches(name, allowed, 1)
    return f"did you mean {(forms or {}).get(close[0], close[0])}? " if close else ""
