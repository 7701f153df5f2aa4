"""Rendering of all pages: one HTML file each, no network access; text is escaped, an undefined variable is an error."""

from __future__ import annotations

import base64
import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tasks.core.code_version import PACKAGE
from tasks.pages.common import charts, palette

if TYPE_CHECKING:
    from jinja2 import Environment, FileSystemBytecodeCache

    from tasks.pages.common.charts import Chart

MARKS = palette.MARKS | {"fault": "✕", "violation": "✕", "warning": "!", "note": "i", "declared": "§", "unknown": "?"}
"""Mark of each sentiment and severity: colour alone does not carry meaning."""


def render(
    template: str, drawings: Mapping[str, Chart] | None = None, scripts: Sequence[str] = (), **context: Any
) -> str:
    """Return a page; all text in the context is escaped.

    Args:
        template: path of the template
        drawings: name → chart
        scripts: paths of the page's scripts; the page is complete without them
        context: further variables of the template
    """
    templates = environment()
    texts = [templates.get_template(path).render() for path in scripts]
    return templates.get_template(template).render(
        **context,
        charts=drawings or {},
        scripts=texts,
        script_hashes=_hashes(texts),
        nav=[],
        marks=MARKS,
        symbols=charts.SYMBOLS,
        dashes=charts.DASHES,
    )


def environment() -> Environment:
    """Return the Jinja environment with the filters of all pages."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader(PACKAGE, package_path=""),
        bytecode_cache=_bytecode_cache(),
        extensions=["jinja2.ext.do"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(
        clock=_clock, count="{:,}".format, data_url=data_url, link=link, plain=plain, score=_score, share=_share,
        signed=_signed,
    )  # fmt: skip
    return templates


def _bytecode_cache() -> FileSystemBytecodeCache | None:
    """Return Jinja's cache of compiled templates beside Python's of this module; None where Python keeps none."""
    from jinja2 import FileSystemBytecodeCache

    # compiling takes 0.1 s for each page; entries have a digest of the template
    folder = Path(cache_from_source(__file__)).parent
    is_kept = not sys.dont_write_bytecode and os.access(folder, os.W_OK)
    # by this ending, wheels and digests of the code leave compiled files out
    return FileSystemBytecodeCache(str(folder), "__jinja2_%s.pyc") if is_kept else None


def plain(value: Any) -> str:
    """Return a setting as params.yaml would show it, without quotes and brackets.

    Args:
        value: of the setting
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {_inside(entry)}" for key, entry in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value)) or "none"
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


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


def _hashes(scripts: Sequence[str]) -> list[str]:
    """Return scripts' SHA-256 digests in base 64, as a content security policy lists them."""
    return [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]


def _inside(value: Any) -> str:
    return f"({plain(value)})" if isinstance(value, Mapping) else plain(value)


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value if abs(value) >= 5e-4 else 0.0:.3f}"


def _share(part: float, whole: float, decimals: int = 0) -> str:
    return f"{part / whole:.{decimals}%}" if whole else "–"


def _signed(value: float, decimals: int = 2) -> str:
    return f"{value:+.{decimals}f}".replace("-", "−") if round(value, decimals) else f"{0:.{decimals}f}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
