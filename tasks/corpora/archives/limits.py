"""Limits of what an archive may unpack to, and the errors of archives that are refused."""

from __future__ import annotations

import errno
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.core.errors import InputError

MAX_FILES = 1_000_000
MAX_BYTES = 500_000_000_000
"""The largest supported corpus, CMU-MOSEI with its videos, has about 300 GB."""
MAX_RATIO = 200.0
"""Decompression bombs exceed this ratio; sound hardly compresses, and text by less."""
SMALL_BYTES = 50_000_000
"""Every archive may unpack to this size."""
_MAX_REASON = 150
_ERRORS = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error,
    EOFError, ValueError, OverflowError, LookupError, RuntimeError, MemoryError,
)  # fmt: skip
"""Errors of the standard library on damaged archives; UnicodeError is a ValueError."""


class UnsafeArchive(InputError):
    """An archive with entries that are not unpacked: links, devices, paths that lead out, passwords."""


class Budget:
    """Files and bytes that an archive, with the archives in it, may still unpack to.

    Args:
        archive: the outermost archive
    """

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self._bytes = min(MAX_BYTES, max(SMALL_BYTES, MAX_RATIO * archive.stat().st_size))
        self._files = MAX_FILES

    def spend(self, n_bytes: int, where: str) -> None:
        """Count unpacked bytes.

        Args:
            n_bytes: their number
            where: the entry that is being read, for the message

        Raises:
            InputError: if the archive unpacks to more than it may
        """
        self._bytes -= n_bytes
        if self._bytes < 0:
            raise InputError(
                f"{self._archive}: grows beyond {MAX_RATIO:.0f} times its size (at {where}): a bomb, or damaged; "
                "nothing was unpacked. If you trust it, unpack it yourself and add the folder"
            )

    def spend_file(self) -> None:
        """Count an unpacked file.

        Raises:
            InputError: if there are more than allowed
        """
        self._files -= 1
        self.demand_files(0)

    def demand_files(self, n: int) -> None:
        """Check that more files may be unpacked.

        Args:
            n: their number

        Raises:
            InputError: if that is more than allowed
        """
        if n > self._files or self._files < 0:
            raise InputError(f"{self._archive}: more than {MAX_FILES:,} files; nothing was unpacked")


@contextmanager
def damage(archive: str) -> Iterator[None]:
    """Turn the errors of a damaged archive into one line.

    Args:
        archive: its name

    Raises:
        InputError: instead of any error that damaged bytes cause in the standard library
    """
    try:
        yield
    except _ERRORS as error:
        raise damaged(archive, str(error) or type(error).__name__) from None
    except OSError as error:
        # bz2 and gzip raise OSError without a number, and a stated offset may be impossible to seek to
        if error.errno not in (None, errno.EINVAL):
            raise
        raise damaged(archive, str(error)) from None


def damaged(archive: str, why: str) -> InputError:
    """Return the error of a damaged archive.

    Args:
        archive: its name
        why: what is wrong with it
    """
    # some errors of the standard library hold kilobytes of the damaged bytes
    reason = " ".join("".join(char if char.isprintable() else " " for char in why[:_MAX_REASON]).split())
    return InputError(f"{archive}: cannot be unpacked: damaged ({reason}); nothing was unpacked. Fetch it again")
