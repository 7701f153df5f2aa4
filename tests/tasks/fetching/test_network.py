"""Blocking of connections to private networks."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tasks.core.errors import ConfigError
from tasks.fetching import network

PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "240.0.0.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1",
    "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:0001::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "localhost", "example.org", "",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("host", PRIVATE)
def test_private_hosts_are_not_public(host: str) -> None:
    assert not network.is_public(host)


@pytest.mark.parametrize("host", PUBLIC)
def test_public_hosts_are(host: str) -> None:
    assert network.is_public(host)


def test_loopback_is_refused_inside_guarded_only(site: Any) -> None:
    with network.guarded([], None) as refused, pytest.raises(network.AddressRefusedError):
        socket.create_connection(("localhost", site.port), timeout=2)
    assert refused
    socket.create_connection(("127.0.0.1", site.port), timeout=2).close()


def test_an_allowed_address_is_allowed_with_its_port_alone(site: Any) -> None:
    with network.guarded([site.place], None) as refused:
        socket.create_connection(("127.0.0.1", site.port), timeout=2).close()
        with pytest.raises(network.AddressRefusedError):
            socket.create_connection(("127.0.0.1", site.port + 1), timeout=2)
    assert refused == [f"127.0.0.1:{site.port + 1}"]


def test_a_name_can_be_allowed(site: Any) -> None:
    with network.guarded([f"localhost:{site.port}"], None):
        socket.create_connection(("127.0.0.1", site.port), timeout=2).close()


def test_a_name_that_resolves_to_a_private_address_later_is_refused(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    infos = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", site.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: infos)
    with network.guarded([], None), pytest.raises(network.AddressRefusedError):
        socket.create_connection(("rebound.example.org", site.port), timeout=2)


def test_other_threads_are_not_affected(site: Any) -> None:
    done = []

    def connect() -> None:
        socket.create_connection(("127.0.0.1", site.port), timeout=2).close()
        done.append(True)

    with network.guarded([], None):
        thread = threading.Thread(target=connect)
        thread.start()
        thread.join()
    assert done


def test_local_sockets_are_refused() -> None:
    with socket.socket(socket.AF_UNIX) as unix, network.guarded([], None), pytest.raises(network.AddressRefusedError):
        unix.connect("/nonexistent.socket")


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:9/x", "http://localhost/x", "http://0x7f000001/", "http://[::1]/"]
)
def test_behind_a_proxy_the_request_line_is_checked(site: Any, target: str) -> None:
    with network.guarded([], f"http://{site.place}") as refused:
        proxy = http.client.HTTPConnection("127.0.0.1", site.port, timeout=2)
        with pytest.raises(network.AddressRefusedError):
            proxy.request("GET", target)
        proxy.close()
    assert refused
    assert site.requests.total() == 0


def test_behind_a_proxy_a_tunnel_is_checked(site: Any) -> None:
    with network.guarded([], f"http://{site.place}"):
        proxy = http.client.HTTPSConnection("127.0.0.1", site.port, timeout=2)
        proxy.set_tunnel("169.254.169.254", 443)
        with pytest.raises(network.AddressRefusedError):
            proxy.request("GET", "/")
        proxy.close()


def test_behind_a_proxy_public_targets_pass(site: Any, respond: Callable[..., None]) -> None:
    site.answers["http://8.8.8.8/x"] = lambda handler: respond(handler, 200, b"ok")
    with network.guarded([], f"http://{site.place}"):
        proxy = http.client.HTTPConnection("127.0.0.1", site.port, timeout=2)
        proxy.request("GET", "http://8.8.8.8/x")
        assert proxy.getresponse().read() == b"ok"
        proxy.close()


@pytest.mark.parametrize("entry", ["127.0.0.1", "http://127.0.0.1:80", "a:b", ":80", "a:99999", "::1:80", "u@h:80", ""])
def test_malformed_addresses_are_quoted(entry: str) -> None:
    with pytest.raises(ConfigError, match="expected host:port"):
        network.parse_host_port(entry)


def test_host_and_port_are_split() -> None:
    assert network.parse_host_port("[::1]:8417") == ("::1", 8417)
    assert network.parse_proxy("http://me:secret@proxy.example") == ("proxy.example", 80)


@pytest.mark.parametrize("proxy", ["proxy:3128", "socks5://me:secret@h:1", "http://"])
def test_malformed_proxies_are_refused_without_repeating_a_password(proxy: str) -> None:
    with pytest.raises(ConfigError, match="expected http://host:port") as caught:
        network.parse_proxy(proxy)
    assert "secret" not in str(caught.value)
