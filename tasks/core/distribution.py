"""The installed distribution: its name on the package index, and its version."""

from __future__ import annotations

NAME = "undertone-ser"
"""Name on the package index, as in pyproject.toml; `undertone` there is another program."""


def version() -> str:
    """Return the version in the metadata of the installed distribution; `unknown` where only the files are present."""
    from importlib import metadata

    try:
        return metadata.version(NAME)
    except metadata.PackageNotFoundError:
        return "unknown"
