"""Access rules of the listening page: only browsers that were opened with the printed address, and only our own page.

The address has a token, which the first answer turns into a cookie. Names and origins are checked in addition
(`tasks.core.request_checks`), and a request that changes something needs a header that only our own script can set.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from tasks.core import request_checks
from tasks.core.request_checks import Refusal

_HEADER = "x-undertone"
HEADERS = {
    **request_checks.ANSWER_HEADERS,
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; media-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, repr=False)
class AccessRules:
    """Access rules of a server.

    Args:
        token: what a browser has to send once, and in its cookie from then on
        port: the server's port
        names: names under which it is reached
        any_address: whether it is also reached under any IP address, as with `--host 0.0.0.0` in a container; a page
            that rebinds a name of its own sends that name
    """

    token: str
    port: int
    names: tuple[str, ...]
    any_address: bool = False

    @property
    def cookie(self) -> str:
        """Return the cookie's name. Browsers send cookies to all ports of a host: each server needs its own name."""
        return f"undertone_annotate_{self.port}"

    def refuses(
        self, method: str, headers: Sequence[tuple[str, str]], cookies: Mapping[str, str], token: str | None
    ) -> Refusal | None:
        """Return why a request is refused, None to answer it.

        Args:
            method: GET, POST …
            headers: names in lower case, and values
            cookies: value by name
            token: from the address
        """
        refusal = request_checks.refusal(method, headers, self._own_hosts(dict(headers).get("host", "")))
        if refusal is not None:
            return refusal
        given = token if token is not None else cookies.get(self.cookie, "")
        if not hmac.compare_digest(given.encode(errors="replace"), self.token.encode()):
            return Refusal(401, "Open the complete address that undertone annotate printed, including the token.")
        if method not in ("GET", "HEAD") and _HEADER not in dict(headers):
            return Refusal(403, "Ratings are accepted from the listening page only.")
        return None

    def _own_hosts(self, host: str) -> frozenset[str]:
        name = _name(host)
        further = (name,) if self.any_address and name is not None and _is_address(name) else ()
        return request_checks.hosts((*self.names, *further), self.port)


def for_host(host: str, port: int) -> AccessRules:
    """Return the rules for an address to listen on, with a new token.

    Args:
        host: name or IP address to listen on
        port: port to listen on
    """
    loopback = ("127.0.0.1", "localhost", "::1")
    token = secrets.token_urlsafe(24)
    if is_loopback(host):
        return AccessRules(token, port, (*loopback, host))
    machine = socket.gethostname()
    return AccessRules(token, port, (*loopback, host, machine, f"{machine}.local", socket.getfqdn()), any_address=True)


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine only.

    Args:
        host: name or IP address
    """
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
