"""What every page is rendered with: templates whose text is escaped, and filters that more than one page needs."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from jinja2 import Environment


def environment(**filters: Callable[..., Any]) -> Environment:
    """Return the house's templates; all text is escaped, and a name that is not there is an error.

    Args:
        filters: by name, besides `count`
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("tasks", package_path=""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(count="{:,}".format, **filters)
    return made


def scripts(templates: Environment) -> dict[str, str]:
    """Return the scripts of a page with charts, by name: plotly's, and the house's own."""
    from plotly.offline import get_plotlyjs

    return {"plotly": get_plotlyjs(), "page": templates.get_template("pages/common/templates/page.js").render()}


def hashes(texts: Iterable[str]) -> list[str]:
    """Return what a content security policy knows scripts by: their SHA-256, in base 64."""
    return [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]


def data_url(content: bytes, media_type: str) -> str:
    """Return bytes as an address that a page carries along."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def link(url: str) -> str:
    """Return an address that may be a link, or an empty text: http(s) only, and without a name or password in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc else ""
