"""Access: only with the token, under our own names, and not from other pages in a listener's browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from tasks.annotate import access, app, serve
from tasks.annotate.access import AccessRules
from tasks.annotate.listening_session import ListeningSession
from tasks.annotate.store import Store
from tasks.core.errors import Busy, InputError

from .conftest import segment

OURS = {"X-Undertone": "annotate"}
TOKEN = "T0ken-" + "x" * 30
LOCAL = AccessRules(TOKEN, 8421, ("127.0.0.1", "localhost", "::1"))
REMOTE = AccessRules(TOKEN, 8421, ("studio.example",), any_address=True)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[ListeningSession]:
    with Store(tmp_path / "votes.sqlite") as store:
        queue = [segment(number) for number in range(3)]
        yield ListeningSession(store, queue, {item.id.key: b"fLaC" for item in queue}, with_text=False, share=0.0)


@pytest.fixture
def local(session: ListeningSession) -> Iterator[TestClient]:
    """A browser on this machine that has opened the printed address."""
    with TestClient(
        app.make(session, LOCAL), base_url="http://127.0.0.1:8421", cookies={LOCAL.cookie: TOKEN}
    ) as client:
        yield client


@pytest.fixture
def remote(session: ListeningSession) -> Iterator[TestClient]:
    """A browser on another machine that has not opened it yet."""
    with TestClient(app.make(session, REMOTE), base_url="http://studio.example:8421") as client:
        yield client


def ask(client: TestClient, path: str = "state", headers: dict[str, str] = OURS, **body: Any) -> httpx.Response:
    return client.post(f"/api/{path}", json={"listener": "Ada", **body}, headers=headers)


def test_every_answer_has_the_security_headers(local: TestClient) -> None:
    for path in ("/", "/annotate.js", "/annotate.css", f"/audio/{segment().id.key}.flac", "/nowhere"):
        answer = local.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
    page = local.get("/").text
    assert not re.search(r"<script(?![^>]* src=)|\son\w+=|style=", page)


def test_sound_is_flac_and_nothing_else_is_served(local: TestClient) -> None:
    answer = local.get(f"/audio/{segment().id.key}.flac")
    assert (answer.content, answer.headers["content-type"]) == (b"fLaC", "audio/flac")
    for path in ("/audio/x.flac", "/audio/..%2f..%2fparams.yaml", "/docs", "/openapi.json"):
        assert local.get(path).status_code == 404


@pytest.mark.parametrize("host", ["127.0.0.1:8421", "localhost:8421", "[::1]:8421", "LOCALHOST:8421"])
def test_loopback_answers_to_its_own_names(local: TestClient, host: str) -> None:
    assert local.get("/", headers={"Host": host, "Cookie": f"{LOCAL.cookie}={TOKEN}"}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8421", "127.0.0.1.evil.example:8421", "192.168.1.5:8421", "[", "", "127.0.0.1",
     "127.0.0.1:8422", "localhost"],
)  # fmt: skip
def test_other_host_names_and_ports_are_refused(local: TestClient, host: str) -> None:
    cookie = {"Host": host, "Cookie": f"{LOCAL.cookie}={TOKEN}"}
    assert local.get(f"/?token={TOKEN}", headers=cookie).status_code == 403
    assert ask(local, headers={**OURS, **cookie}).status_code == 403


def test_another_page_in_the_listeners_browser_cannot_rate(local: TestClient, session: ListeningSession) -> None:
    vote = {"key": segment().id.key, "label": "positive"}
    for headers in ({}, {**OURS, "Origin": "http://evil.example"}, {**OURS, "Origin": "http://127.0.0.1:9999"},
                    {**OURS, "Origin": "https://127.0.0.1:8421"}, {**OURS, "Origin": "null"},
                    {**OURS, "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}):  # fmt: skip
        assert ask(local, "rate", headers, **vote).status_code == 403
    assert session.store.rated_segments() == []
    ours = {**OURS, "Origin": "http://127.0.0.1:8421"}
    assert ask(local, "play", ours, key=vote["key"]).status_code == 200
    assert ask(local, "rate", ours, **vote).json()["done"] == 1


def test_another_page_cannot_load_anything(local: TestClient) -> None:
    for destination in ("image", "audio", "script", "iframe"):
        headers = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": destination}
        assert local.get(f"/audio/{segment().id.key}.flac", headers=headers).status_code == 403


def test_mistakes_are_explained(local: TestClient) -> None:
    answer = ask(local, "rate", key="gone", label="neutral")
    assert (answer.status_code, "Reload" in answer.json()["detail"]) == (400, True)
    assert "cannot be named 'text'" in ask(local, listener="text").json()["detail"]


MALFORMED = (
    b"", b"{", b"null", b"[]", b"1", b'"Ada"', b"\xff\xfe", b'{"listener": "\xff"}', b'{"listener": "\\ud800"}',
    b'{"listener": NaN}', b'{"listener": Infinity}', b'{"listener": 1e999}', b'{"listener": null}',
    b'{"listener": ' + b"9" * 5000 + b"}", b'{"listener": {}}', b'{"listener": ["Ada"]}', b'{"listener": true}',
    b'{"listener": "Ada", "more": NaN}', b'{"listener": "Ada", "\\ud800": 1}', b'{"Listener": "Ada"}',
    b"[" * 8000, b'{"listener": ' * 1000, b'{"listener": "' + b"x" * 9000 + b'"}', b'{"listener": ""}',
    b'{"listener": "A\\u0000"}', b'{"listener": "Ada", "key": 1, "label": "neutral"}',
    b'{"listener": "Ada", "key": "x", "label": "angry"}', b'{"listener": "Ada", "key": "x"}',
    b'{"listener": "Ada", "key": "x", "label": "neutral", "played_s": NaN}',
    b'{"listener": "Ada", "key": "x", "label": "neutral", "played_s": -1}',
    b'{"listener": "Ada", "key": "x", "label": "neutral", "played_s": 1e9}',
    b'{"listener": "Ada", "key": "x", "label": "neutral", "played_s": "1"}',
    b'{"listener": "Ada", "key": "x", "label": NaN}', b'{"listener": "Ada", "key": "\\udfff", "label": null}',
    b'{"listener": "Ada", "key": "x", "label": "neutral", "more": 1}',
)  # fmt: skip


@pytest.mark.parametrize("path", ["state", "play", "rate", "undo"])
def test_a_malformed_body_is_refused(local: TestClient, session: ListeningSession, path: str) -> None:
    local.headers.update(OURS)
    for body in MALFORMED:
        answer = local.post(f"/api/{path}", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, isinstance(answer.json()["detail"], str)) == (400, True), body
    for kind in ("text/plain", "multipart/form-data", "application/x-www-form-urlencoded", "x" * 500, "é".encode()):
        answer = local.post(f"/api/{path}", content=b'{"listener": "Ada"}', headers={"Content-Type": kind})
        assert answer.status_code == 400, kind
    assert session.store.rated_segments() == []


def test_a_huge_body_is_refused_before_it_is_read(local: TestClient) -> None:
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b" " * 1000

    for content in (b" " * 20_000, chunks()):
        answer = local.post("/api/state", content=content, headers=OURS)
        assert (answer.status_code, "16384 bytes" in answer.json()["detail"]) == (413, True)
    for declared in ("20000", "9" * 30, "9" * 5000):
        assert local.post("/api/state", content=b"{}", headers={**OURS, "Content-Length": declared}).status_code == 413


def test_the_token_is_needed_once(remote: TestClient) -> None:
    for path in ("/", "/annotate.js", f"/audio/{segment().id.key}.flac", "/?token=wrong", "/?token=%C3%A9", "/?token="):
        assert remote.get(path).status_code == 401
    assert remote.get(f"/annotate.js?token={TOKEN}").status_code == 401, "only the page's address has it"
    assert ask(remote).status_code == 401
    first = remote.get(f"/?token={TOKEN}")
    assert first.status_code == 200
    cookie = first.headers["set-cookie"]
    assert cookie.startswith(f"undertone_annotate_8421={TOKEN};")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert remote.get("/").status_code == 200
    assert ask(remote).json()["total"] == 3
    assert ask(remote, headers={}).status_code == 403
    assert ask(remote, headers={**OURS, "Origin": "http://evil.example"}).status_code == 403


def test_elsewhere_any_address_of_the_machine_is_answered_but_no_foreign_name(remote: TestClient) -> None:
    for host, status in {
        "studio.example:8421": 200, "192.168.1.5:8421": 200, "[fd00::5]:8421": 200, "studio.example": 403,
        "192.168.1.5": 403, "192.168.1.5:80": 403, "rebound.example:8421": 403, "192.168.1.5.evil.example:8421": 403,
    }.items():  # fmt: skip
        assert remote.get(f"/?token={TOKEN}", headers={"Host": host}).status_code == status, host


def test_every_address_needs_a_token_of_its_own() -> None:
    hosts = ("127.0.0.1", "127.0.0.2", "::1", "localhost", "0.0.0.0", "::", "192.168.1.5", "studio.example")
    rules = [access.for_host(host, 8421) for host in hosts]
    assert len({item.token for item in rules}) == len(hosts)
    assert all(len(item.token) >= 32 for item in rules)
    assert [item.any_address for item in rules] == [False] * 4 + [True] * 4
    assert all(host in item.names for host, item in zip(hosts, rules, strict=True))
    assert rules[0].token not in repr(rules[0])


def test_an_occupied_port_and_a_foreign_address_are_errors(session: ListeningSession) -> None:
    with serve._bound(serve.ListenAddress("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert taken.getsockname()[0] == "127.0.0.1"
        with pytest.raises(Busy, match="choose another one with --port"):
            serve.run(session, serve.ListenAddress("127.0.0.1", port), print)
    with pytest.raises(InputError, match="there is no address"):
        serve.run(session, serve.ListenAddress("nowhere.invalid", 0), print)
