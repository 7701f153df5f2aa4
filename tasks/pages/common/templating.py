"""Jinja environment of all pages: text is escaped, and an undefined variable is an error."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from jinja2 import Environment


def environment(**filters: Callable[..., Any]) -> Environment:
    """Return the environment; besides `count`, it has the filters that are passed.

    Args:
        filters: name → function
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader("tasks", package_path=""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(count="{:,}".format, **filters)
    return templates


def scripts(templates: Environment) -> dict[str, str]:
    """Return the scripts of a page with charts by name: plotly's, and our own."""
    from plotly.offline import get_plotlyjs

    return {"plotly": get_plotlyjs(), "page": templates.get_template("pages/common/templates/page.js").render()}


def hashes(texts: Iterable[str]) -> list[str]:
    """Return scripts' SHA-256 digests in base 64, as a content security policy lists them."""
    return [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]


def data_url(content: bytes, media_type: str) -> str:
    """Return bytes as a data URL, which needs no further file.

    Args:
        content: the bytes
        media_type: such as `audio/flac`
    """
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def link(url: str) -> str:
    """Return a URL if it may become a link, else an empty text: only http(s) without user name or password.

    Args:
        url: from outside
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc else ""
