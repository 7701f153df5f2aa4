"""Header checks that keep foreign web pages out of the servers on this machine.

A browser sends requests to 127.0.0.1 for any page that it shows. Three headers tell them apart:

- `Host`: with DNS rebinding a page resolves its own name to 127.0.0.1; the browser then takes our answers for its own
  site's. Only our own names with our own port are answered.
- `Origin`: the page that sent the request, set on every request that changes something and on every WebSocket.
- `Sec-Fetch-Site`: the same for requests without `Origin` (images, scripts, frames). Cookies ignore ports, so that
  another server on this machine counts as the same site, and is refused as well. Links may be followed.

Programs send neither `Origin` nor `Sec-Fetch-Site`: they need the server's secret, which these checks do not replace.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

ANSWER_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Headers of every answer: no other page may embed it, read it, or keep a handle to its window."""

_OWN_SITES = ("same-origin", "none")
_DEFAULT_PORT = 80
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Refusal:
    """Status and text of the answer to a refused request."""

    status: int
    reason: str


def hosts(names: Iterable[str], port: int) -> frozenset[str]:
    """Return the values of `Host` under which a server is reached.

    Args:
        names: host names and addresses, IPv6 without brackets
        port: its port
    """
    bracketed = [f"[{name}]" if ":" in name else name for name in names]
    with_port = {f"{name}:{port}".lower() for name in bracketed}
    return frozenset(with_port | {name.lower() for name in bracketed} if port == _DEFAULT_PORT else with_port)


def loopback(port: int, names: Iterable[str] = ()) -> frozenset[str]:
    """Return the values of `Host` under which a server on loopback is reached.

    Args:
        port: its port
        names: further host names of this server
    """
    return hosts((*_LOOPBACK, *names), port)


def refusal(method: str, headers: Iterable[tuple[str, str]], own_hosts: Collection[str]) -> Refusal | None:
    """Return why a request is refused, None to answer it.

    Args:
        method: GET, POST …; a WebSocket's handshake is a GET
        headers: names and values; a repeated header has several pairs
        own_hosts: values of `Host` that are answered, in lower case
    """
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(value.strip().lower())
    host = values.get("host", [])
    if len(host) != 1 or host[0] not in own_hosts:
        expected = ", ".join(f"http://{own}" for own in sorted(own_hosts))
        return Refusal(403, f"This server does not answer to this name and port. Open it as {expected}.")
    foreign = Refusal(403, "Requests of other web pages are refused.")
    if any(origin != f"http://{host[0]}" for origin in values.get("origin", [])):
        return foreign
    if all(site in _OWN_SITES for site in values.get("sec-fetch-site", [])):
        return None
    return None if method in ("GET", "HEAD") and _follows_a_link(values) else foreign


def _follows_a_link(values: dict[str, list[str]]) -> bool:
    return values.get("sec-fetch-mode") == ["navigate"] and values.get("sec-fetch-dest") == ["document"]
