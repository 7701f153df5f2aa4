"""Block connections to private networks (server-side request forgery): URLs in lists and pages are untrusted.

Host names are not enough: they may resolve to any address, to another one the next time, and pages may redirect. So
each connection is checked when it is made: Python raises an audit event with the resolved address, whatever library
connects. The check is active inside `guarded` only, for the thread that entered it.

With a proxy, all connections go to the proxy. The request lines sent to it are checked instead: literal addresses, and
names that resolve to private addresses on this machine. How the proxy itself resolves a name is the proxy's concern.
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

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS = {"http": 80, "https": 443}
_REQUEST_LINE = re.compile(rb"(?:CONNECT (?P<authority>\S+)|[A-Z]+ (?P<url>https?://\S+)) HTTP/", re.IGNORECASE)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class AddressRefusedError(OSError):
    """A connection to an address that is neither public nor allowed."""


@dataclass
class _Policy:
    open_to: frozenset[tuple[str, int]]
    through_proxy: bool
    refused: list[str] = field(default_factory=list)

    def check(self, host: str, port: int) -> None:
        """Raise unless a literal address is public or allowed."""
        if (host, port) not in self.open_to and not is_public(host):
            address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            self.refused.append(address)
            raise AddressRefusedError(f"{address} is not a public address")


_active: ContextVar[_Policy | None] = ContextVar("active", default=None)


@contextmanager
def guarded(allow: Sequence[str], proxy: str | None) -> Iterator[list[str]]:
    """Refuse connections of this thread to private, loopback, link-local and other non-public addresses.

    Args:
        allow: `host:port` that may be reached nevertheless
        proxy: `http://host:port` for all requests, or None; its own address is allowed

    Yields:
        the addresses refused so far, because libraries wrap the error of a refused connection in their own

    Raises:
        ConfigError: if an allowed address or the proxy is malformed
    """
    _install_hook()
    allowed = [parse_host_port(entry) for entry in allow]
    if proxy:
        allowed.append(parse_proxy(proxy))
    open_to = {(address, port) for host, port in allowed for address in {host, *_resolve(host, port)}}
    policy = _Policy(frozenset(open_to), through_proxy=bool(proxy))
    token = _active.set(policy)
    try:
        yield policy.refused
    finally:
        _active.reset(token)


def is_public(host: str) -> bool:
    """Tell whether a host is a literal, public IP address.

    Args:
        host: an address, or a name (never public)
    """
    try:
        address: IpAddress = ipaddress.ip_address(host)
    except ValueError:
        return False
    inner = _embedded(address)
    if any(not is_public(str(ipv4)) for ipv4 in inner):
        return False
    # an IPv4-mapped IPv6 address is judged by its IPv4 part: Python counts the whole range as private
    return bool(inner) or (
        # is_global is true for some multicast and site-local ranges
        address.is_global and not address.is_multicast and not getattr(address, "is_site_local", False)
    )


def parse_host_port(entry: str) -> tuple[str, int]:
    """Split an entry of `crawl.allow_addresses`.

    Args:
        entry: `host:port` or `[ipv6]:port`

    Raises:
        ConfigError: if it has another form
    """
    try:
        parts = urlsplit(f"//{entry}")
        if parts.hostname and parts.port and parts.netloc == entry and not parts.username:
            return parts.hostname, parts.port
    except ValueError:
        pass
    raise ConfigError(f"crawl.allow_addresses: found {entry!r}, expected host:port such as 127.0.0.1:8417")


def parse_proxy(proxy: str) -> tuple[str, int]:
    """Return host and port of a proxy.

    Args:
        proxy: an http(s) URL

    Raises:
        ConfigError: if it is not such a URL
    """
    try:
        parts = urlsplit(proxy)
        if parts.scheme in _PORTS and parts.hostname:
            return parts.hostname, parts.port or _PORTS[parts.scheme]
    except ValueError:
        pass
    # the URL may contain a password: do not print it
    raise ConfigError("crawl.proxy: expected http://host:port or https://host:port, with user:password@ if needed")


def _embedded(address: IpAddress) -> list[ipaddress.IPv4Address]:
    """Return the IPv4 addresses embedded in an IPv6 address (mapped, 6to4, Teredo, NAT64)."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    embedded = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        embedded.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [ipv4 for ipv4 in embedded if ipv4 is not None]


def _resolve(host: str, port: int) -> set[str]:
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return set()
    return {str(info[4][0]) for info in infos}


@cache
def _install_hook() -> None:
    # audit hooks cannot be removed: install it once; outside `guarded` it does nothing
    sys.addaudithook(_on_audit_event)


def _on_audit_event(event: str, arguments: tuple[Any, ...]) -> None:
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
    try:
        parts = urlsplit(target.decode("latin-1"))
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    except ValueError:
        policy.refused.append("an invalid address")
        raise AddressRefusedError("an invalid address is not a public address") from None
    if (host, port) in policy.open_to:
        return
    if host == "localhost" or host.endswith(".localhost"):
        policy.check("127.0.0.1", port)
    # a name that does not resolve on this machine is left to the proxy
    for address in sorted(_resolve(host, port)):
        policy.check(address, port)
