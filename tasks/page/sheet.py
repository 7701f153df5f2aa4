"""Pages of tables: one HTML file that runs nothing, needs nothing else and asks the network for nothing."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

MARKS = {"fault": "✕", "violation": "✕", "warning": "!", "note": "i", "declared": "§"}
"""A mark for every severity, so that none is told by its colour alone."""


def render(template: str, **context: Any) -> str:
    """Return a page; all text in the context is escaped, wherever it comes from."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("tasks.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(count="{:,}".format, share=_share, link=_link)
    return environment.get_template(template).render(**context, marks=MARKS)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"


def _link(url: str) -> str:
    """Return an address that may be a link, or an empty text: http(s) only, and without a name or password in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc else ""
