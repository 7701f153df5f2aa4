"""Python API of undertone: `import undertone as ut`.

The package `undertone` at the top level offers the names of this one. Importing it loads no library: each function
imports what it needs.
"""

from __future__ import annotations

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    """Return the version when it is asked for, since reading the metadata takes longer than importing this package."""
    if name == "__version__":
        from tasks.core import distribution

        return distribution.version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
