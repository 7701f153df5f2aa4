"""The secret of `undertone ui` and the file that holds it."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path

import pytest

from flows.ui import secret


def test_every_start_has_a_new_secret_that_does_not_show() -> None:
    first, second = secret.new(), secret.new()
    assert first.auth_string != second.auth_string
    assert len(first.auth_string) >= 32
    assert first.report_cookie not in (first.auth_string, second.report_cookie)
    assert first.auth_string not in repr(first)


def test_the_profile_is_private_from_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / secret.PROFILE
    path.write_text("left by a killed start")
    path.chmod(0o644)
    modes: list[int] = []
    open_file = os.open

    def watched(name: Path, flags: int, mode: int) -> int:
        handle = open_file(name, flags, mode)
        modes.append(stat.S_IMODE(os.fstat(handle).st_mode))
        return handle

    monkeypatch.setattr("flows.ui.secret.os.open", watched)
    before = os.umask(0)
    try:
        access = secret.new()
        secret.write_profile(tmp_path, "http://127.0.0.1:4200/api", access)
    finally:
        os.umask(before)
    assert modes == [0o600]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [secret.PROFILE]
    profile = tomllib.loads(path.read_text())
    assert profile["active"] == "undertone"
    assert profile["profiles"]["undertone"] == {
        "PREFECT_API_URL": "http://127.0.0.1:4200/api",
        "PREFECT_API_AUTH_STRING": access.auth_string,
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    }
