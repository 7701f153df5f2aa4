"""Health checks of the services of compose.yaml. They run every minute: standard library only, no Prefect client."""

from __future__ import annotations

import base64
import json
import os
import urllib.error
import urllib.request
import uuid
from http import HTTPStatus
from pathlib import Path
from typing import Any

from flows.ui import report_site, work_pool
from flows.ui.secret import Secret
from tasks.core.errors import UndertoneError

_TIMEOUT_S = 10


def check_server(url: str) -> None:
    """Check that the Prefect server answers.

    Args:
        url: its address

    Raises:
        UndertoneError: if it does not
    """
    if (status := _status(f"{url}/api/health")) != HTTPStatus.OK:
        raise UndertoneError(f"the Prefect server at {url} answers with status {status}")


def check_report(port: int) -> None:
    """Check that the report site of this machine answers, which is a refusal without a browser's cookie.

    Args:
        port: its port

    Raises:
        UndertoneError: if it does not
    """
    if (status := _status(report_site.url(port))) != HTTPStatus.UNAUTHORIZED:
        raise UndertoneError(f"the report site on port {port} answers with status {status}, expected 401")


def check_worker(url: str, access: Secret, name: str) -> None:
    """Check that the server has had recent heartbeats of a worker.

    Args:
        url: the server's address
        access: what it asks for
        name: the worker's

    Raises:
        UndertoneError: if it has not
    """
    credentials = base64.b64encode(access.auth_string.encode()).decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {credentials}"}
    client = str(uuid.uuid4())
    try:
        token = _answer(f"{url}/api/csrf-token?client={client}", None, headers)["token"]
        headers |= {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": client}
        workers = _answer(f"{url}/api/work_pools/{work_pool.NAME}/workers/filter", {}, headers)
    except (OSError, ValueError) as error:
        raise UndertoneError(f"the Prefect server at {url} does not answer: {error}") from None
    online = sorted(worker["name"] for worker in workers if worker["status"] == "ONLINE")
    if name not in online:
        raise UndertoneError(f"the worker {name} is not online; online: {', '.join(online) or 'none'}")


def check_folder(folder: Path) -> None:
    """Check that a project folder can be written to, the commonest mistake with volumes.

    Args:
        folder: the folder

    Raises:
        UndertoneError: if it cannot
    """
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UndertoneError(f"{folder.resolve()}: user {os.geteuid()} cannot write here; give the volume to that user")


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError as error:
        raise UndertoneError(f"{url}: no answer ({error})") from None


def _answer(url: str, body: object | None, headers: dict[str, str]) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
        return json.load(answer)
