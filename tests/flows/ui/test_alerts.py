"""Alerts: a failed run is posted to the user's address, by a real server."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from prefect import flow, get_client
from prefect.client.schemas.objects import State
from prefect.states import Failed

from flows.ui import alerts, secret, server
from tasks.core.errors import ConfigError

PAGES = "http://127.0.0.1:4200"


@pytest.mark.parametrize("address", ["hooks.example.net", "file:///etc/passwd", "http://", "https://x:notaport/TOKEN"])
def test_an_address_must_be_http_and_is_not_repeated(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(alerts.URL_SETTING, address)
    with pytest.raises(ConfigError, match=f"{alerts.URL_SETTING}: expected an address such as") as raised:
        alerts.url()
    assert address not in str(raised.value)


def test_no_address_means_no_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(alerts.URL_SETTING, raising=False)
    assert alerts.url() is None
    monkeypatch.setenv(alerts.URL_SETTING, " ")
    assert alerts.url() is None


def test_services_and_runs_do_not_inherit_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(alerts.URL_SETTING, "https://hooks.example.com/TOKEN")
    access = secret.new()
    for environment in (server.environment(4200, access), server.server_environment(4200, access)):
        assert not [name for name, value in environment.items() if "TOKEN" in value]


@contextmanager
def receiver() -> Iterator[tuple[str, queue.Queue[tuple[str, dict[str, Any]]]]]:
    """Receive webhooks on loopback; yield the address and a queue of content types and payloads."""
    posted: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted.put((self.headers["Content-Type"], json.loads(body)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as receiving:
        thread = threading.Thread(target=receiving.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{receiving.server_port}/hook", posted
        receiving.shutdown()
        thread.join()


@pytest.mark.filterwarnings("default")
def test_a_failed_run_is_posted_until_alerts_are_switched_off(prefect: None) -> None:
    reason = 'crawl: train-7: "no" <video>\n{{ 1 + 1 }}'

    @flow(name="small", flow_run_name="nightly 2026-11-30 03:00")
    def small(fail: bool) -> State[Any] | None:
        return Failed(message=reason) if fail else None

    with receiver() as (address, posted), get_client(sync_client=True) as client:
        alerts.set_up(client, PAGES, "http://127.0.0.1:9/old")
        alerts.set_up(client, PAGES, address)
        assert len(client.read_automations_by_name(alerts.NAME)) == 1
        small(fail=False)
        state: Any = small(fail=True, return_state=True)
        kind, payload = posted.get(timeout=60)
        assert kind == "application/json"
        link = f"{PAGES}/runs/flow-run/{state.state_details.flow_run_id}"
        assert payload == {
            "run": "nightly 2026-11-30 03:00",
            "flow": "small",
            "state": "Failed",
            "message": reason,
            "link": link,
            "text": f"nightly 2026-11-30 03:00 (small): Failed: {reason} {link}",
        }
        alerts.set_up(client, PAGES, None)
        assert client.read_automations_by_name(alerts.NAME) == []
        assert posted.empty(), "a completed run is no reason for an alert"
