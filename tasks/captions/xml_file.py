"""Parse captions in XML (defusedxml): TTML, and YouTube's srv1, srv2 and srv3. The root element tells them apart."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from tasks.captions import timedtext, ttml
from tasks.captions.cue import Cue, UnusedCue
from tasks.captions.elements import local_name
from tasks.captions.encoding import UNREADABLE
from tasks.core.errors import Rejected

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_READERS = {"tt": ttml.read, "timedtext": timedtext.read, "transcript": timedtext.read}
_MAX_DEPTH = 30
_NOT_IN_XML = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_REFERENCE = re.compile(r"&(?!#)(?:(\w{1,32});)?")
_PREDEFINED = ("amp", "lt", "gt", "quot", "apos")


def read(text: str) -> tuple[list[Cue], list[UnusedCue]]:
    """Parse captions in XML.

    Args:
        text: a decoded file

    Returns:
        cues, and those without a usable time

    Raises:
        Rejected: if the text is not XML, declares entities or a document type, or has another root element
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(_repaired(text.strip()), forbid_dtd=True)
    except ParseError as error:
        raise Rejected(UNREADABLE, f"not XML: {error}") from None
    except DefusedXmlException:
        raise Rejected(UNREADABLE, "captions in XML need no document type, and this file declares one") from None
    name = local_name(root)
    if name not in _READERS:
        raise Rejected(UNREADABLE, f"expected <tt>, <timedtext> or <transcript>, found <{name[:40]}>")
    _demand_depth(root)
    return _READERS[name](root)


def _repaired(text: str) -> str:
    """Replace what is common in such files but no XML: control characters, HTML's named characters, a bare `&`."""
    return _REFERENCE.sub(_referenced, _NOT_IN_XML.sub(" ", text))


def _referenced(reference: re.Match[str]) -> str:
    if reference[1] in _PREDEFINED:
        return reference[0]
    # a character of its own; & and < must remain escaped
    return html.escape(html.unescape(reference[0]), quote=False)


def _demand_depth(root: Element) -> None:
    level = [root]
    for _ in range(_MAX_DEPTH):
        level = [child for element in level for child in element]
        if not level:
            return
    raise Rejected(UNREADABLE, f"elements are nested more than {_MAX_DEPTH} deep")
