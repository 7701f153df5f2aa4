"""The installed distribution: its name on the package index, and its version."""

from __future__ import annotations

from tasks.core import code_version

NAME = "undertone-ser"
"""Name on the package index, as in pyproject.toml; `undertone` there is another program."""


def how_to_install(extra: str) -> str:
    """Return the command that adds an extra to this installation, for messages.

    Args:
        extra: its name in pyproject.toml, such as `deep`
    """
    return f'pip install "{NAME}[{extra}]"' if code_version.IN_WHEEL else f"make env EXTRAS={extra},dev"


def version() -> str:
    """Return the version in the metadata of the installed distribution; `unknown` where only the files are present."""
    from importlib import metadata

    try:
        return metadata.version(NAME)
    except metadata.PackageNotFoundError:
        return "unknown"
