"""Ledger of data that was removed at a person's request, `data/forgotten.json`: it must not come back.

The ledger holds no names. An entry is a digest, salted per project, of a video's identity, a speaker's or a listener's
name; only who can guess a name can test it. Media that models were trained on are digests, too: a model that has seen
one of them is refused, until it is trained again without. The file belongs under git, like the lists.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from tasks.core import paths, tables, text_files
from tasks.core.errors import InputError

LEDGER = paths.DATA / "forgotten.json"
FORGOTTEN = "forgotten"
"""Reason for which an item is rejected."""
VIDEO, SPEAKER, LISTENER, MEDIUM = "video", "speaker", "listener", "medium"
MEDIUM_DIGITS = 16
"""Hexadecimal digits of a media file's SHA-256 that enter the ledger, as in a model's `training_media.json`."""
_ROUNDS = 2_000
"""Rounds of the key derivation: names can be guessed, so a guess must take time. A thousand videos take a second."""
_MAX_BYTES = 64 << 20
_ABOUT = "Data removed at a person's request, as salted digests: it is not fetched, read or used again (data-rights.md)"


@dataclass(frozen=True)
class Ledger:
    """Removed data.

    Args:
        salt: hexadecimal, of this project
        removed: digest → day of the request, as ISO 8601
        media: digests of media files that models may have been trained on
        experiments: name → day on which its results were removed
        models: SHA-256 of the cards of models that were trained on removed data
    """

    salt: str = ""
    removed: dict[str, str] = field(default_factory=dict)
    media: frozenset[str] = frozenset()
    experiments: dict[str, str] = field(default_factory=dict)
    models: frozenset[str] = frozenset()

    def day(self, kind: str, value: str) -> str | None:
        """Return the day on which a video, a speaker or a listener was removed; None if they were not.

        Args:
            kind: `VIDEO`, `SPEAKER` or `LISTENER`
            value: the video's identity, or the name
        """
        return self.removed.get(digest(self.salt, kind, value)) if self.removed else None

    def mark(self, kind: str, value: str) -> str:
        """Return a name for a removed item that does not name it.

        Args:
            kind: `VIDEO`, `SPEAKER` or `LISTENER`
            value: the video's identity, or the name
        """
        return f"{FORGOTTEN}-{digest(self.salt, kind, value)[:8]}"

    def has_trained(self, media: Iterable[str]) -> bool:
        """Return whether a removed media file is among those that a model was trained on.

        Args:
            media: the first digits of the files' SHA-256
        """
        return bool(self.media) and any(medium(self.salt, digits) in self.media for digits in media)

    def with_removed(
        self,
        kind: str,
        values: Iterable[str],
        *,
        media: Collection[str] = (),
        experiments: Collection[str] = (),
        models: Collection[str] = (),
        day: str = "",
    ) -> Ledger:
        """Return the ledger with further entries.

        Args:
            kind: `VIDEO`, `SPEAKER` or `LISTENER`
            values: identities or names
            media: SHA-256 of the removed media files
            experiments: names of experiments whose results were removed
            models: SHA-256 of the cards of their models
            day: of the request; today by default
        """
        salt = self.salt or secrets.token_hex(16)
        when = day or datetime.now(UTC).date().isoformat()
        return replace(
            self,
            salt=salt,
            removed=self.removed | {digest(salt, kind, value): when for value in values},
            media=self.media | {medium(salt, digits[:MEDIUM_DIGITS]) for digits in media},
            experiments=self.experiments | dict.fromkeys(experiments, when),
            models=self.models | frozenset(models),
        )


@lru_cache(maxsize=1 << 16)
def digest(salt: str, kind: str, value: str) -> str:
    """Return the salted digest of an identity or a name, 32 hexadecimal digits.

    Args:
        salt: of the ledger
        kind: what is named
        value: its name; case does not count
    """
    named = f"{kind}\0{value.strip().casefold()}".encode()
    return hashlib.pbkdf2_hmac("sha256", named, salt.encode(), _ROUNDS).hex()[:32]


def medium(salt: str, digits: str) -> str:
    """Return the salted digest of a media file; its SHA-256 cannot be guessed, so a single round is enough.

    Args:
        salt: of the ledger
        digits: the first digits of its SHA-256
    """
    return hashlib.sha256(f"{salt}\0{MEDIUM}\0{digits}".encode()).hexdigest()[:32]


def read(root: Path = Path()) -> Ledger:
    """Return a project's ledger; an empty one if there is none.

    Args:
        root: the project folder

    Raises:
        InputError: if the file is damaged: to ignore it could bring removed data back
    """
    path = root / LEDGER
    if not path.is_file():
        return Ledger()
    try:
        content = json.loads(text_files.read_bytes(path, _MAX_BYTES))
        return Ledger(
            salt=_text(content["salt"]),
            removed=_texts(content["removed"]),
            media=frozenset(map(_text, content["media"])),
            experiments=_texts(content["experiments"]),
            models=frozenset(map(_text, content["models"])),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{LEDGER}: not a ledger of removed data ({type(error).__name__}: {error}); restore it, such as by "
            f"git checkout {LEDGER}"
        ) from None


def write(ledger: Ledger, root: Path = Path()) -> None:
    """Write a project's ledger.

    Args:
        ledger: all entries
        root: the project folder
    """
    content = {
        "about": _ABOUT,
        "salt": ledger.salt,
        "removed": dict(sorted(ledger.removed.items())),
        "media": sorted(ledger.media),
        "experiments": dict(sorted(ledger.experiments.items())),
        "models": sorted(ledger.models),
    }
    tables.write_text(root / LEDGER, json.dumps(content, indent=1) + "\n")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"found {type(value).__name__}, expected text")
    return value


def _texts(value: Any) -> dict[str, str]:
    return {_text(name): _text(day) for name, day in value.items()}
