"""Access: this machine only, or with the token; no requests from other pages in a listener's browser."""

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


@pytest.fixture
def session(tmp_path: Path) -> Iterator[ListeningSession]:
    with Store(tmp_path / "votes.sqlite") as store:
        queue = [segment(number) for number in range(3)]
        yield ListeningSession(store, queue, {item.id.key: b"fLaC" for item in queue}, with_text=False)


@pytest.fixture
def local(session: ListeningSession) -> Iterator[TestClient]:
    with TestClient(app.make(session, AccessRules(None)), base_url="http://127.0.0.1:8421") as client:
        yield client


@pytest.fixture
def remote(session: ListeningSession) -> Iterator[TestClient]:
    with TestClient(app.make(session, AccessRules(TOKEN)), base_url="http://studio.example:8421") as client:
        yield client


def ask(client: TestClient, path: str = "state", headers: dict[str, str] = OURS, **body: Any) -> httpx.Response:
    return client.post(f"/api/{path}", json={"listener": "Ada", **body}, headers=headers)


def test_every_answer_has_the_security_headers(local: TestClient) -> None:
    for path in ("/", "/annotate.js", "/annotate.css", f"/audio/{segment().id.key}.flac", "/nowhere"):
        answer = local.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
    page = local.get("/").text
    assert not re.search(r"<script(?![^>]* src=)|\son\w+=|style=", page)


def test_sound_is_flac_and_nothing_else_is_served(local: TestClient) -> None:
    answer = local.get(f"/audio/{segment().id.key}.flac")
    assert (answer.content, answer.headers["content-type"]) == (b"fLaC", "audio/flac")
    for path in ("/audio/x.flac", "/audio/..%2f..%2fparams.yaml", "/docs", "/openapi.json"):
        assert local.get(path).status_code == 404


@pytest.mark.parametrize("host", ["127.0.0.1:8421", "localhost:8421", "[::1]:8421", "LOCALHOST"])
def test_loopback_answers_to_its_own_names(local: TestClient, host: str) -> None:
    assert local.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8421", "127.0.0.1.evil.example", "192.168.1.5:8421", "[", ""]
)
def test_other_host_names_are_refused(local: TestClient, host: str) -> None:
    assert local.get("/", headers={"Host": host}).status_code == 403
    assert ask(local, headers={**OURS, "Host": host}).status_code == 403


def test_another_page_in_the_listeners_browser_cannot_rate(local: TestClient, session: ListeningSession) -> None:
    vote = {"key": segment().id.key, "label": "positive"}
    for headers in ({}, {**OURS, "Origin": "http://evil.example"}, {**OURS, "Origin": "http://127.0.0.1:9999"},
                    {**OURS, "Origin": "null"}):  # fmt: skip
        assert ask(local, "rate", headers, **vote).status_code == 403
    assert session.store.rated_segments() == []
    assert ask(local, "rate", {**OURS, "Origin": "http://127.0.0.1:8421"}, **vote).json()["done"] == 1


@pytest.mark.parametrize(
    "body", [{"label": "angry", "key": "x"}, {"key": "x"}, {"label": "neutral", "key": "x", "more": 1}]
)
def test_invalid_ratings_are_refused(local: TestClient, body: dict[str, Any]) -> None:
    assert ask(local, "rate", **body).status_code == 422


def test_mistakes_are_explained(local: TestClient) -> None:
    answer = ask(local, "rate", key="gone", label="neutral")
    assert (answer.status_code, "Reload" in answer.json()["detail"]) == (400, True)
    assert "cannot be named 'text'" in ask(local, listener="text").json()["detail"]


def test_elsewhere_the_token_is_needed_once(remote: TestClient) -> None:
    for path in ("/", "/annotate.js", f"/audio/{segment().id.key}.flac", "/?token=wrong", "/?token=%C3%A9"):
        assert remote.get(path).status_code == 401
    assert ask(remote).status_code == 401
    first = remote.get(f"/?token={TOKEN}")
    assert first.status_code == 200
    cookie = first.headers["set-cookie"]
    assert cookie.startswith(f"{access.COOKIE}={TOKEN};")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert remote.get("/").status_code == 200
    assert ask(remote).json()["total"] == 3
    assert ask(remote, headers={}).status_code == 403
    assert ask(remote, headers={**OURS, "Origin": "http://evil.example"}).status_code == 403


def test_who_needs_a_token() -> None:
    assert [access.for_host(host).token for host in ("127.0.0.1", "127.0.0.2", "::1", "localhost")] == [None] * 4
    tokens = {access.for_host(host).token for host in ("0.0.0.0", "::", "192.168.1.5", "studio.example")}
    assert len(tokens) == 4
    assert all(token and len(token) >= 32 for token in tokens)


def test_an_occupied_port_and_a_foreign_address_are_errors(session: ListeningSession) -> None:
    with serve._bound(serve.ListenAddress("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert taken.getsockname()[0] == "127.0.0.1"
        with pytest.raises(Busy, match="choose another one with --port"):
            serve.run(session, serve.ListenAddress("127.0.0.1", port), print)
    with pytest.raises(InputError, match="there is no address"):
        serve.run(session, serve.ListenAddress("nowhere.invalid", 0), print)
