"""Split caption files into lines, whatever marks the end of a line."""

from __future__ import annotations

import re
from itertools import pairwise

# CR CR LF is one break: a text with CR LF was written once more as text. The limit keeps the search linear in CRs
_BREAK = re.compile("\r{0,3}\n\r?|[\r\u0085\u2028\u2029\x0b\x0c]")
_OTHER_BREAK = re.compile("[\r\u0085\u2028\u2029\x0b\x0c]")


def lines_of(text: str) -> list[str]:
    """Return the lines of a text; a blank line after every line is not counted.

    Args:
        text: a decoded caption file

    Example:
        >>> lines_of("1\\r\\r\\nyes\\r\\r\\n"), lines_of("1\\n\\nyes\\n\\n\\n\\n2\\n\\nno")
        (['1', 'yes', ''], ['1', 'yes', '', '', '2', 'no'])
    """
    # joined files have byte order marks in the middle
    text = text.replace("\ufeff", "")
    lines = _BREAK.split(text) if _OTHER_BREAK.search(text) else text.split("\n")
    if any(before.strip() and after.strip() for before, after in pairwise(lines)):
        return lines
    # every line break was doubled: remove one of each two; WebVTT's header needs a blank line below it
    header = "WEBVTT"
    return [line for before, line in pairwise(["", *lines]) if line.strip() or not before.strip() or before == header]
