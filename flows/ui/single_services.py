"""The services of compose.yaml: Prefect server, set-up, worker and report site, each in a container of its own.

`undertone ui` starts the same services together and makes a secret at each start. Here they are started one by one, and
all of them read the secret from a file.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from flows.project import workspace
from flows.ui import alerts, guard, prefect_server, report_site, secret, server, work_pool
from flows.ui.secret import Secret
from tasks.core import paths
from tasks.core.errors import ConfigError

ANY_ADDRESS = "0.0.0.0"  # noqa: S104
"""In a container, published ports reach this address and not loopback."""

_DATABASE_PASSWORD = "PREFECT_SERVER_DATABASE_PASSWORD"  # noqa: S105
_MIN_PASSWORD = 16


def read_secret(path: Path) -> Secret:
    """Return the secret in a file of one line, `user:password`.

    Args:
        path: the file

    Raises:
        ConfigError: if it cannot be read or holds something else; messages do not show the content
    """
    text = _one_line(path)
    user, colon, password = text.partition(":")
    if not (user and colon and len(password) >= _MIN_PASSWORD and text.isascii()):
        raise ConfigError(
            f"{path}: expected user:password in ASCII, with a password of at least {_MIN_PASSWORD} characters. "
            "Make one: docs/containers.md"
        )
    return Secret(text)


def serve(port: int, access: Secret, *, host: str, names: Collection[str], password_file: Path | None) -> NoReturn:
    """Become the Prefect server.

    Args:
        port: its port; browsers must reach it under 127.0.0.1 with the same port
        access: what clients have to send
        host: address to listen on
        names: host names under which other services reach it
        password_file: the password of its database; other settings of the database are Prefect's environment variables

    Raises:
        ConfigError: if the password cannot be read
    """
    env = server.server_environment(port, access)
    if password_file is not None:
        env[_DATABASE_PASSWORD] = _one_line(password_file)
    _make_home(env)
    _become((sys.executable, "-m", prefect_server.__name__, str(port), host, *names), env)


def set_up(url: str, access: Secret) -> None:
    """Make a project of an empty current folder; register work pool, deployments and automations.

    The address and secret of the server are written to the project for Prefect's commands, as `undertone ui` does.

    Args:
        url: the server's address
        access: what it asks for

    Raises:
        ConfigError: if the alert URL is no address
        UndertoneError: if the server does not answer
    """
    alert_url = alerts.url()
    if not any(Path().iterdir()):
        workspace.create(Path())
    env = _client_environment(url, access)
    home = _make_home(env)
    secret.write_profile(home, env["PREFECT_API_URL"], access)
    server.await_health(env["PREFECT_API_URL"])
    prefect = server.PrefectServer(url, access, home)
    server.register(prefect, env, (), alert_url, pages=server.local_url(_port(url)))


def work(url: str, access: Secret, name: str | None) -> NoReturn:
    """Become a worker.

    Args:
        url: the server's address
        access: what it asks for
        name: of the worker; by default the host's
    """
    env = _client_environment(url, access)
    _make_home(env)
    command = (*server.PREFECT, "worker", "start", "--pool", work_pool.NAME, "--name", name or socket.gethostname())
    _become(command, env)


def serve_report(port: int, access: Secret, *, host: str) -> None:
    """Serve the pages of the project in the current folder until SIGINT or SIGTERM.

    Args:
        port: the site's port; browsers must reach it under 127.0.0.1 with the same port
        access: the secret of the Prefect server, whose login page lets browsers in here
        host: address to listen on
    """
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with report_site.serving(paths.DATA.resolve(), port, access, host):
        stopped.wait()


def login_link(url: str, access: Secret) -> str:
    """Return the link that logs a browser of this machine in.

    Args:
        url: the server's address among the services; browsers use 127.0.0.1 with the same port
        access: what it asks for
    """
    return guard.link(server.local_url(_port(url)), access)


def _client_environment(url: str, access: Secret) -> dict[str, str]:
    return server.environment(_port(url), access, url.rstrip("/"))


def _port(url: str) -> int:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        port = None
    if port is None or parts.scheme != "http" or not parts.hostname:
        raise ConfigError(f"the server's address: found {url!r}, expected http://HOST:PORT, such as http://server:4200")
    return port


def _one_line(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the secret cannot be read ({type(error).__name__}); docs/containers.md") from None
    if not text or "\n" in text:
        raise ConfigError(f"{path}: expected one line; found {'several' if text else 'none'}")
    return text


def _make_home(env: Mapping[str, str]) -> Path:
    home = Path(env["PREFECT_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    return home


def _become(command: tuple[str, ...], env: Mapping[str, str]) -> NoReturn:
    """Replace this process, so that the engine's signals and the exit status are the program's own."""
    sys.stdout.flush()
    os.execve(command[0], command, env)  # noqa: S606
