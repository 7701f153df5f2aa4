"""undertone: defensible speech-emotion experiments, from interviews or corpora. The names are those of `tasks.api`.

In a checkout, code lies in `tasks` and `flows`, and this package only passes the names on. In a wheel, it holds both
(docs/architecture.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks import api as _api
from tasks.api import __all__

if TYPE_CHECKING:
    from tasks.api import *  # noqa: F403


def __getattr__(name: str) -> object:
    """Look up a name of the API when it is used, so that names that are loaded late stay so."""
    return getattr(_api, name)


def __dir__() -> list[str]:
    """List the names of the API."""
    return sorted({*globals(), *__all__})
