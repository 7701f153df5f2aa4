"""The command `undertone` under a name that does not depend on the installation; pyproject.toml names it."""

from __future__ import annotations

from flows.cli.main import main

__all__ = ["main"]
