"""The guard on addresses: what a list or a page names must not reach into private networks.

Names prove nothing (they may resolve to anything, and to something else the next time), and a redirect or a page may
lead anywhere. So the guard looks at every connection where it is made: Python raises an audit event with the resolved
address for each, whatever library connects. It holds inside `guarded` only, for the thread that entered it.

Behind a proxy all connections go to the proxy. There the guard looks at the request lines sent to it: literal
addresses and names that resolve to private ones here are refused; what a name means on the proxy's side is for the
proxy to guard.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from tasks.core.errors import ConfigError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS = {"http": 80, "https": 443}
_REQUEST_LINE = re.compile(rb"(?:CONNECT (?P<authority>\S+)|[A-Z]+ (?P<url>https?://\S+)) HTTP/", re.IGNORECASE)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class AddressRefusedError(OSError):
    """A connection to an address that is not public and was not allowed."""


@dataclass
class _Policy:
    open_to: frozenset[tuple[str, int]]
    through_proxy: bool
    refused: list[str] = field(default_factory=list)

    def check(self, host: str, port: int) -> None:
        """Refuse a host, given as an address, unless it is public or allowed."""
        if (host, port) not in self.open_to and not is_public(host):
            place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            self.refused.append(place)
            raise AddressRefusedError(f"{place} is not a public address")


_active: ContextVar[_Policy | None] = ContextVar("active", default=None)


@contextmanager
def guarded(allow: Sequence[str], proxy: str | None) -> Iterator[list[str]]:
    """Refuse connections of this thread to private, loopback, link-local and other non-public addresses.

    Args:
        allow: `host:port` that may be reached all the same
        proxy: `http://host:port` that all requests go through, if any; its own address may be reached

    Yields:
        the refused addresses so far; libraries dress up the error of a refused connection beyond recognition

    Raises:
        ConfigError: if an allowed address or the proxy is malformed
    """
    _listen()
    places = [parse_place(entry) for entry in allow]
    if proxy:
        places.append(parse_proxy(proxy))
    open_to = {(address, port) for host, port in places for address in {host, *_resolve(host, port)}}
    policy = _Policy(frozenset(open_to), through_proxy=bool(proxy))
    token = _active.set(policy)
    try:
        yield policy.refused
    finally:
        _active.reset(token)


def is_public(host: str) -> bool:
    """Say whether a host, given as a literal IP address, belongs to the public internet; names do not."""
    try:
        address: Address = ipaddress.ip_address(host)
    except ValueError:
        return False
    inner = _embedded(address)
    if any(not is_public(str(each)) for each in inner):
        return False
    # an IPv4 address in IPv6's clothes is judged by what it carries: its range counts as private as a whole
    return bool(inner) or (
        address.is_global and not address.is_multicast and not getattr(address, "is_site_local", False)
    )


def parse_place(entry: str) -> tuple[str, int]:
    """Split `host:port` or `[ipv6]:port`.

    Raises:
        ConfigError: if it is anything else
    """
    try:
        parts = urlsplit(f"//{entry}")
        if parts.hostname and parts.port and parts.netloc == entry and not parts.username:
            return parts.hostname, parts.port
    except ValueError:
        pass
    raise ConfigError(f"crawl.allow_addresses: found {entry!r}, expected host:port such as 127.0.0.1:8417")


def parse_proxy(proxy: str) -> tuple[str, int]:
    """Return host and port of a proxy's URL.

    Raises:
        ConfigError: if it is no http(s) URL
    """
    try:
        parts = urlsplit(proxy)
        if parts.scheme in _PORTS and parts.hostname:
            return parts.hostname, parts.port or _PORTS[parts.scheme]
    except ValueError:
        pass
    # the URL may hold a password: it is not repeated
    raise ConfigError("crawl.proxy: expected http://host:port or https://host:port, with user:password@ if need be")


def _embedded(address: Address) -> list[ipaddress.IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address carries (mapped, 6to4, Teredo, NAT64)."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    carried = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        carried.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [each for each in carried if each is not None]


def _resolve(host: str, port: int) -> set[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return set()
    return {str(entry[4][0]) for entry in found}


@cache
def _listen() -> None:
    # audit hooks cannot be removed: it is added once, and idle outside `guarded`
    sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        if (policy := _active.get()) is not None:
            _check_connection(policy, arguments[1])
    elif event == "http.client.send" and (policy := _active.get()) is not None and policy.through_proxy:
        _check_request(policy, arguments[1])


def _check_connection(policy: _Policy, address: Any) -> None:
    if not isinstance(address, tuple):
        policy.refused.append("a local socket")
        raise AddressRefusedError("a local socket is not a public address")
    policy.check(str(address[0]), int(address[1]))


def _check_request(policy: _Policy, data: Any) -> None:
    if not isinstance(data, bytes) or (line := _REQUEST_LINE.match(data)) is None:
        return
    target = line["url"] or b"https://" + line["authority"]
    parts = urlsplit(target.decode("latin-1"))
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    if (host, port) in policy.open_to:
        return
    if host == "localhost" or host.endswith(".localhost"):
        policy.check("127.0.0.1", port)
    for address in sorted(_resolve(host, port)):
        policy.check(address, port)
