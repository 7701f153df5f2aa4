"""Access rules of the listening page: this machine only, or everyone with the token.

Cross-site request forgery: a request that changes something needs a header that only our own script can set, and the
same origin. DNS rebinding: on loopback the Host must be a loopback name.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

_HEADER = "x-undertone"
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
    """Access rules of a server; `token` is None on loopback, which other machines cannot reach."""

    token: str | None

    def refuses(self, method: str, headers: Mapping[str, str], given: str | None) -> tuple[int, str] | None:
        """Return status and reason for refusing a request, None to answer it.

        Args:
            method: GET, POST …
            headers: by lower-case name
            given: token from the address or the cookie
        """
        host = headers.get("host", "")
        if self.token is None and _name(host) not in _LOOPBACK_NAMES:
            return 403, "This page can be opened only on the machine it runs on, at http://127.0.0.1"
        if self.token is not None and not secrets.compare_digest((given or "").encode(), self.token.encode()):
            return 401, "Open the complete address that undertone annotate printed, including the token."
        if method in ("GET", "HEAD"):
            return None
        origin = headers.get("origin")
        if _HEADER not in headers or (origin is not None and urlsplit(origin).netloc != host):
            return 403, "Ratings are accepted from the listening page only."
        return None


def _is_loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def for_host(host: str) -> AccessRules:
    """Return the rules for an address to listen on, with a new token unless it is a loopback address.

    Args:
        host: name or IP address to listen on
    """
    return AccessRules(None if _is_loopback(host) else secrets.token_urlsafe(24))


def _name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
