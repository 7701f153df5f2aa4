"""The local web site of the tests of fetching, for the stage that crawls."""

from __future__ import annotations

from tests.tasks.fetching.conftest import respond, site

__all__ = ["respond", "site"]
