"""A client of the Prefect server of `undertone ui` for tests: with its secret, and CSRF tokens for changes."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
import uuid
from http import HTTPStatus
from typing import Any

from flows.ui.server import PrefectServer


class Api:
    """A client of a running server."""

    def __init__(self, server: PrefectServer) -> None:
        self.url = server.url
        credentials = base64.b64encode(server.secret.auth_string.encode()).decode()
        self._headers = {"Content-Type": "application/json", "Authorization": f"Basic {credentials}"}

    def ask(self, path: str, body: object | None = None) -> Any:
        """Return the answer to a GET, or with a body to a POST."""
        if body is not None and "Prefect-Csrf-Token" not in self._headers:
            client = str(uuid.uuid4())
            token = self.ask(f"/csrf-token?client={client}")["token"]
            self._headers |= {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": client}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api{path}", data, self._headers)
        for _ in range(60):
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                with error:
                    # SQLite is busy; Prefect's own client retries, too
                    if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                        raise
                time.sleep(0.5)
        raise AssertionError(f"{path}: busy for half a minute")

    def start(self, deployment: str, **parameters: object) -> str:
        """Start a run of a deployment, as the page's button does, and return its id."""
        target = self.ask(f"/deployments/name/{deployment}")["id"]
        return str(self.ask(f"/deployments/{target}/create_flow_run", {"parameters": parameters})["id"])

    def state(self, flow_run: str) -> str:
        """Return the name of a run's state."""
        return str(self.ask(f"/flow_runs/{flow_run}")["state"]["name"])

    def planned(self) -> set[str]:
        """Return the times of day of scheduled runs."""
        scheduled = {"flow_runs": {"state": {"name": {"any_": ["Scheduled"]}}}}
        return {run["expected_start_time"][11:16] for run in self.ask("/flow_runs/filter", scheduled)}

    def active_slots(self) -> dict[str, int]:
        """Return the active slots of each concurrency limit."""
        return {limit["name"]: limit["active_slots"] for limit in self.ask("/v2/concurrency_limits/filter", {})}
