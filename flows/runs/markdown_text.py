"""Text from outside and tables in Markdown artifacts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 _-]*[A-Za-z0-9])?")
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+.!|~^$=:@-])")


def escaped(text: str) -> str:
    """Return text as Markdown that shows it unchanged, on one line: no markup, HTML, link or table cell of its own.

    Args:
        text: any text
    """
    printable = "".join(char if char.isprintable() else " " for char in text)
    html_free = printable.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", html_free)


def code(text: str) -> str:
    """Return text, such as a path, as Markdown in a fixed-width font, on one line of a table.

    Args:
        text: any text
    """
    return f"<code>{escaped(text)}</code>"


def link(text: str, url: str) -> str:
    """Return a link.

    Args:
        text: what is shown, escaped here
        url: percent-encoded, without spaces
    """
    # in the text of a link, and only there, Prefect's pages show the backslashes; names need none
    return f"[{text if _PLAIN.fullmatch(text) else escaped(text)}](<{url}>)"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table.

    Args:
        heads: of the columns; one that ends in a colon, which is not shown, is of numbers
        rows: their cells, as Markdown
    """
    ends = ["---:" if head.endswith(":") else "---" for head in heads]
    lines = [[head.removesuffix(":") for head in heads], ends, *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"
