"""Errors of the operating system in plain words: full disks, missing permissions, limits of the process."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from tasks.core import paths

KEPT = "run again: finished items are kept"
_MAX_SHOWN = 200
_DENIED = (errno.EACCES, errno.EPERM)
_UNREADABLE = (*_DENIED, errno.EIO, errno.ESTALE)
_OF_THE_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE)
"""Errors that every item would meet: they end the run, and no item is to blame."""
_OF_OUTPUTS = (*_UNREADABLE, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.EFBIG)
"""Errors that end the run if they concern a file that undertone itself writes."""
_ADVICE = {
    errno.ENOSPC: f"the disk is full{{of}}; free some space and {KEPT}",
    errno.EDQUOT: f"the disk quota is used up{{of}}; free some space and {KEPT}",
    errno.EFBIG: f"{{path}}: larger than this process may write; raise the limit (ulimit -f) and {KEPT}",
    errno.EROFS: f"{{path}}: the file system is read-only; make it writable, or work in another folder, and {KEPT}",
    errno.EACCES: f"{{path}}: permission denied; give this user ({{user}}) access to it and {KEPT}",
    errno.EPERM: f"{{path}}: the operation is not permitted; give this user ({{user}}) access to it and {KEPT}",
    errno.EMFILE: f"too many open files{{of}}; raise the limit (ulimit -n), or lower runtime.workers, and {KEPT}",
    errno.ENFILE: f"too many files are open on this machine{{of}}; close other programs and {KEPT}",
    errno.ENAMETOOLONG: "{path}: the name is too long for this file system; choose a shorter one",
    errno.ENOENT: "{path}: there is no such file or folder",
    errno.ENOTDIR: "{path}: a file is where a folder is expected; move it away, or name another folder",
    errno.EISDIR: "{path}: a folder is where a file is expected; move it away, or name another file",
    errno.EEXIST: "{path}: something else has this name; move it away, or choose another name",
    errno.ELOOP: "{path}: its symbolic links lead in a circle; remove them",
    errno.EIO: f"{{path}}: the disk reports an error; check the disk, then {KEPT}",
    errno.ESTALE: f"{{path}}: the network file system lost this file; mount it again and {KEPT}",
}
_SQLITE = {
    "SQLITE_FULL": f"the disk is full{{of}}; free some space and {KEPT}",
    "SQLITE_READONLY": "{path}: the database cannot be written; give this user ({user}) access to it and run again",
    "SQLITE_CANTOPEN": "{path}: give this user ({user}) access to its folder, or raise the limit of files (ulimit -n)",
    "SQLITE_NOTADB": "{path}: this file is no database, or it is damaged; move it away and run again",
    "SQLITE_CORRUPT": "{path}: the database is damaged; restore it from a copy, or move it away, and run again",
    "SQLITE_IOERR": "{path}: the database cannot be read or written; check the disk and run again",
}


def explain(error: BaseException) -> str | None:
    """Return one line on what the operating system refused and how to go on, or None for another kind of error.

    Args:
        error: the exception; an error of the machine is also recognised among its causes
    """
    if isinstance(error, MemoryError):
        return f"there is not enough memory; lower runtime.workers, or end other programs, and {KEPT}"
    cause = error if isinstance(error, OSError) else _of_the_machine(error)
    if cause is not None:
        return _line(cause)
    return _database(error)


def is_of_the_machine(error: BaseException) -> bool:
    """Return whether an error that an item met concerns every item: a full disk, an output folder without access.

    Args:
        error: the exception
    """
    if _of_the_machine(error) is not None:
        return True
    return isinstance(error, OSError) and error.errno in _OF_OUTPUTS and _is_output(error)


def is_unreadable(error: BaseException) -> bool:
    """Return whether an error says that a file of the user's cannot be read.

    Args:
        error: the exception
    """
    return isinstance(error, OSError) and error.errno in _UNREADABLE and bool(error.filename) and not _is_output(error)


def _line(error: OSError) -> str | None:
    path = _shown(error.filename2 or error.filename)
    if error.errno in _ADVICE:
        return _filled(_ADVICE[error.errno], path)
    if not path:
        return None
    return f"{path}: {error.strerror or error}"


def _database(error: BaseException) -> str | None:
    # the class is not imported: most runs use no database
    name = str(getattr(error, "sqlite_errorname", ""))
    kind = next((kind for kind in _SQLITE if name.startswith(kind)), None)
    return _filled(_SQLITE[kind], _shown(str(error))) if kind else None


def _filled(advice: str, path: str) -> str:
    # the user is only looked up where it is shown: with too many open files that fails, too
    user = _user() if "{user}" in advice else ""
    return advice.format(path=path or "a file", of=f" ({path})" if path else "", user=user)


def _of_the_machine(error: BaseException) -> OSError | None:
    """Return the first error of the machine among an exception and its causes; libraries wrap them in their own."""
    return next((cause for cause in _chain(error) if cause.errno in _OF_THE_MACHINE), None)


def _chain(error: BaseException | None) -> Iterator[OSError]:
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError):
            yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _is_output(error: OSError) -> bool:
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    outputs = [folder.absolute() for folder in (paths.DATA, paths.STATE)]
    # not resolved: a media file may be reached through a link that lies in an output folder
    return any(Path(name).absolute().is_relative_to(folder) for name in names for folder in outputs)


def _shown(name: object) -> str:
    text = os.fsdecode(name) if isinstance(name, str | bytes) else "" if name is None else str(name)
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
