"""Codes of languages."""

from __future__ import annotations


def base(code: str | None) -> str:
    """Return a language's code without country, script and origin: "en" of "en-US", "en_GB" and "en-orig".

    Args:
        code: as BCP 47, or as file names and pages write it; None or "": unknown
    """
    return (code or "").replace("_", "-").partition("-")[0].partition(".")[0].strip().lower()
