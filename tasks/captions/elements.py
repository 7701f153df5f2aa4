"""Names and attributes of XML elements without their namespaces: sites use a dozen of them for TTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def local_name(element: Element) -> str:
    """Return an element's name without its namespace; an empty text for a comment.

    Args:
        element: any node of the tree
    """
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: Element, name: str) -> str | None:
    """Return an attribute's value, of any namespace.

    Args:
        element: an element
        name: the attribute's local name
    """
    if (value := element.get(name)) is not None:
        return value
    return next((value for key, value in element.items() if key.rpartition("}")[2] == name), None)
