"""Who may talk to the listening page: this machine alone, or whoever has the token.

A page of someone else's that runs in a listener's browser must not vote: requests that change something need a header
that only our own script can set, and the same origin; on loopback the Host must be loopback's, so that no name that
is made to point here (DNS rebinding) gets in.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

HEADER = "x-undertone"
COOKIE = "undertone_annotate"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; media-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class AccessRules:
    """The rules of one server; `token` is None on loopback, where no one else gets in."""

    token: str | None

    def refuses(self, method: str, headers: Mapping[str, str], given: str | None) -> tuple[int, str] | None:
        """Return status and reason for turning a request away, or None.

        Args:
            method: GET, POST …
            headers: by lower-case name
            given: the token that came along, in the address or in the cookie
        """
        host = headers.get("host", "")
        if self.token is None and _name(host) not in _LOOPBACK_NAMES:
            return 403, "This page answers on this machine's own address alone: http://127.0.0.1"
        if self.token is not None and not secrets.compare_digest((given or "").encode(), self.token.encode()):
            return 401, "Open the whole address that undertone annotate printed, with its token."
        if method in ("GET", "HEAD"):
            return None
        origin = headers.get("origin")
        if HEADER not in headers or (origin is not None and urlsplit(origin).netloc != host):
            return 403, "Votes are taken from the listening page alone."
        return None


def is_loopback(host: str) -> bool:
    """Return whether a name or address to listen on is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def for_host(host: str) -> AccessRules:
    """Return the gate for an address to listen on: with a new token unless it is loopback's."""
    return AccessRules(None if is_loopback(host) else secrets.token_urlsafe(24))


def _name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
