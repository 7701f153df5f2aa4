"""The secret of `undertone ui`: new at each start, in a file that only its owner can read."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from flows.ui import crashes

PROFILE = "profiles.toml"
"""Prefect reads this file in `PREFECT_HOME`, and so finds address and secret of the server."""


@dataclass(frozen=True, repr=False)
class Secret:
    """Secrets of one start: a client sends one to the Prefect server, a browser another to the report site.

    Args:
        auth_string: Prefect's `PREFECT_API_AUTH_STRING`, in the form `user:password`
    """

    auth_string: str

    @property
    def report_cookie(self) -> str:
        """Return the value of the report site's cookie.

        Browsers send cookies to every port of a host, so that other local servers can see it: it must not open Prefect.
        """
        return hmac.new(self.auth_string.encode(), b"report", hashlib.sha256).hexdigest()


def new() -> Secret:
    """Return a random secret."""
    return Secret(f"undertone:{secrets.token_urlsafe(32)}")


def write_profile(home: Path, api: str, secret: Secret) -> None:
    """Write address and secret of the server as a Prefect profile, with mode 0600.

    Args:
        home: Prefect's folder in the project, the clients' `PREFECT_HOME`
        api: URL of the server's API
        secret: what clients have to send
    """
    settings = {
        "PREFECT_API_URL": api,
        "PREFECT_API_AUTH_STRING": secret.auth_string,
        # without heartbeats, a killed run of a worker on another machine would stay "Running"
        crashes.HEARTBEAT_SETTING: str(crashes.HEARTBEAT_S),
    }
    lines = ['active = "undertone"', "", "[profiles.undertone]", *(f'{name} = "{settings[name]}"' for name in settings)]
    write_private(home / PROFILE, "\n".join(lines) + "\n")


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, atomically.

    Args:
        path: the file
        text: its content
    """
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as sink:
        sink.write(text)
    part.replace(path)
