"""Names of files for ids of utterances: valid on every system, and unique where upper and lower case are the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST = 120
_N_DIGEST = 8


def file_name(name: str) -> str:
    """Return an id as a file name: `/` becomes `_`, other unusual characters, too.

    Args:
        name: such as `ravdess/03-01-06-01-02-01-12`
    """
    plain = _UNSAFE.sub("_", name)
    # a leading dot hides a file, and .. is no file; a trailing dot is lost on Windows
    return re.sub(r"^\.+|\.+$", "_", plain)[:_LONGEST] or "_"


def unique(names: Iterable[str], as_name: Callable[[str], str] = file_name) -> dict[str, str]:
    """Return a file name for each id; where two would be the same, the second gets a digest of its id.

    Args:
        names: distinct ids; their order decides which of two gets the digest
        as_name: id → file name
    """
    chosen, used = dict[str, str](), set[str]()
    for name in names:
        candidate = as_name(name)
        if candidate.casefold() in used:
            candidate = f"{candidate}_{hashlib.sha256(name.encode()).hexdigest()[:_N_DIGEST]}"
        used.add(candidate.casefold())
        chosen[name] = candidate
    return chosen
