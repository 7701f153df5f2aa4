"""Data files of lexicon packages, read without importing the packages."""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path

from tasks.core.errors import ConfigError

_MAX_BYTES = 64_000_000


def read(voter: str, package: str, *place: str) -> str:
    """Return the text of a package's data file; one whose name ends with .gz is decompressed.

    Args:
        voter: the voter that needs it, for the message
        package: name under which the package is imported
        place: folders and name of the file inside the package

    Raises:
        ConfigError: if the package is not installed, or is another version without this file
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"polarity.voters: {voter} needs the package {package}, which is not installed; "
            "install it: pip install 'undertone-ser[lexicons]'"
        )
    path = Path(spec.submodule_search_locations[0]).joinpath(*place)
    try:
        if path.suffix != ".gz":
            return path.read_text(encoding="utf-8-sig")
        with gzip.open(path) as stream:
            return stream.read(_MAX_BYTES).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"polarity.voters: {voter} cannot read {path} ({error}); "
            "install the package again: pip install 'undertone-ser[lexicons]'"
        ) from error
