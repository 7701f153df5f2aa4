"""The guard in front of the Prefect server, with a small application behind it."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from flows.ui import guard, secret
from flows.ui.guard import Guard

URL = "http://127.0.0.1:4200"
EVENTS = "ws://127.0.0.1:4200/api/events"
NAMED = ("server:4200", "other:4200")


async def answer(request: Request) -> Response:
    return PlainTextResponse(f"{request.method} {request.url.path}")


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(await socket.receive_text())
    await socket.close()


@pytest.fixture
def access() -> secret.Secret:
    return secret.new()


@pytest.fixture
def client(access: secret.Secret) -> Iterator[TestClient]:
    routes = [WebSocketRoute("/api/events", echo), Route("/{path:path}", answer, methods=["GET", "POST"])]
    guarded = Guard(Starlette(routes=routes), 4200, access)
    with TestClient(guarded, base_url=URL, follow_redirects=False) as client:
        yield client


def test_own_pages_and_programs_reach_the_application(client: TestClient) -> None:
    reply = client.get("/api/health")
    assert (reply.status_code, reply.text) == (200, "GET /api/health")
    assert reply.headers["x-frame-options"] == "DENY"
    policy = reply.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "connect-src 'self' ws://127.0.0.1:4200;" in policy, "pages with the secret send it nowhere else"
    assert client.post("/api/x", headers={"Origin": URL, "Sec-Fetch-Site": "same-origin"}).text == "POST /api/x"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:4200"},
        {"Host": "127.0.0.1:4201"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:4201"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
    ],
)
def test_other_pages_do_not(client: TestClient, headers: dict[str, str]) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        for path in ("/api/deployments/filter", "/", guard.LOGIN):
            reply = client.request(method, path, headers=headers)
            assert reply.status_code == 403
            assert "access-control-allow-origin" not in reply.headers
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(EVENTS, headers=headers):
        pass


def test_further_names_are_answered_only_if_they_are_given(access: secret.Secret) -> None:
    application = Starlette(routes=[Route("/{path:path}", answer)])
    for names, statuses in (((), [403, 403]), (("server",), [200, 403])):
        with TestClient(Guard(application, 4200, access, names), base_url=URL) as client:
            assert [client.get("/api/health", headers={"Host": host}).status_code for host in NAMED] == statuses


def test_a_websocket_without_origin_is_a_programs(client: TestClient) -> None:
    with client.websocket_connect(EVENTS) as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "hello"


def test_the_link_logs_in_and_sends_the_secret_to_nobody_else(client: TestClient, access: secret.Secret) -> None:
    link = guard.link(URL, access)
    page, _, fragment = link.partition("#")
    assert fragment == access.auth_string
    reply = client.get(page)
    assert reply.status_code == client.get(f"{page}.js").status_code == 200
    assert "unsafe-inline'; connect" in reply.headers["content-security-policy"]
    assert "script-src 'self'" in reply.headers["content-security-policy"]
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["cache-control"] == "no-store"
    sent = base64.b64encode(fragment.encode()).decode()
    logged_in = client.post(guard.LOGIN, headers={"Authorization": f"Basic {sent}", "Origin": URL})
    assert logged_in.status_code == 204
    cookie = logged_in.headers["set-cookie"]
    assert access.report_cookie in cookie
    assert "HttpOnly" in cookie
    assert fragment not in cookie
    for wrong in ("", sent, "Basic", f"Basic {sent}=", f"Bearer {sent}", "Basic é"):
        refused = client.post(guard.LOGIN, headers={"Authorization": wrong.encode()})
        assert (refused.status_code, "set-cookie" in refused.headers) == (401, False), wrong


def test_browsers_are_sent_to_the_name_that_they_are_logged_in_under(client: TestClient) -> None:
    navigation = {"Host": "localhost:4200", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"}
    reply = client.get("/runs?page=2", headers=navigation)
    assert (reply.status_code, reply.headers["location"]) == (307, f"{URL}/runs?page=2")
    assert client.get(f"{URL}//evil.example/", headers=navigation).headers["location"] == f"{URL}//evil.example/"
    assert client.get("/api/health", headers={"Host": "localhost:4200"}).status_code == 200
