"""Which requests come from our own pages or from programs, and which from other web pages."""

from __future__ import annotations

import pytest

from tasks.core import request_checks

OWN = request_checks.loopback(4200)
HOST = ("Host", "127.0.0.1:4200")


def refused(method: str, *headers: tuple[str, str]) -> bool:
    return request_checks.refusal(method, headers, OWN) is not None


@pytest.mark.parametrize("host", ["127.0.0.1:4200", "localhost:4200", "LocalHost:4200", "[::1]:4200"])
def test_own_names_are_answered(host: str) -> None:
    assert not refused("GET", ("host", host))
    assert not refused("POST", ("host", host), ("origin", f"http://{host}"), ("sec-fetch-site", "same-origin"))


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:4200", "127.0.0.1", "localhost", "127.0.0.1:4201", "127.0.0.1:42000",
        "127.0.0.1.evil.example:4200", "localhost.:4200", "127.1:4200", "2130706433:4200", "0.0.0.0:4200",
        "[::ffff:127.0.0.1]:4200", "user@127.0.0.1:4200", "127.0.0.1:4200@evil.example", "", "[", "127.0.0.1:4200,evil",
    ],
)  # fmt: skip
def test_other_names_and_ports_are_refused(host: str) -> None:
    assert refused("GET", ("host", host))


def test_a_missing_or_repeated_host_is_refused() -> None:
    assert refused("GET")
    assert refused("GET", HOST, ("host", "evil.example"))
    assert refused("GET", HOST, HOST)


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "http://127.0.0.1:4201", "http://127.0.0.1", "https://127.0.0.1:4200", "null", "",
     "http://localhost:4200", "http://127.0.0.1:4200.evil.example", "file://"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE"])
def test_other_origins_are_refused(method: str, origin: str) -> None:
    assert refused(method, HOST, ("Origin", origin))
    assert refused(method, HOST, ("Origin", "http://127.0.0.1:4200"), ("Origin", origin))


@pytest.mark.parametrize("site", ["cross-site", "same-site", "unheard-of"])
def test_another_page_can_link_to_a_page_but_not_load_it(site: str) -> None:
    def sends(method: str = "GET", mode: str = "no-cors", destination: str = "empty") -> bool:
        fetch = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": destination}
        return not refused(method, HOST, *fetch.items())

    assert sends(mode="navigate", destination="document")
    assert not sends("POST", mode="navigate", destination="document")
    for destination in ("iframe", "frame", "embed", "object"):
        assert not sends(mode="navigate", destination=destination)
    for destination in ("image", "script", "style", "audio", "empty", "worker", "document"):
        assert not sends(destination=destination)
        assert not sends(mode="cors", destination=destination)
    assert refused("GET", HOST, ("Sec-Fetch-Site", site))


def test_programs_are_answered() -> None:
    assert not refused("GET", HOST)
    assert not refused("POST", HOST)
    assert not refused("GET", HOST, ("Sec-Fetch-Site", "none"))


def test_the_default_port_is_not_in_the_name() -> None:
    assert request_checks.hosts(("Studio", "fe80::1"), 80) == {"studio", "studio:80", "[fe80::1]", "[fe80::1]:80"}
    assert request_checks.hosts(("studio",), 8080) == {"studio:8080"}
