"""Services one at a time: secrets from files, the environment of the server, and the set-up of an empty volume."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from flows.ui import server, single_services, work_pool
from flows.ui.secret import Secret
from tasks.core.errors import ConfigError

PASSWORD = "0123456789abcdef-never-shown"
ACCESS = Secret(f"undertone:{PASSWORD}")


class Replaced(Exception):
    """The process would have become another program."""


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record with what this process would have been replaced."""
    calls: list[Any] = []

    def execve(*arguments: Any) -> None:
        calls.extend(arguments)
        raise Replaced

    monkeypatch.setattr(os, "execve", execve)
    return calls


def test_the_secret_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "auth_string"
    path.write_text(f"{ACCESS.auth_string}\n")
    assert single_services.read_secret(path) == ACCESS


@pytest.mark.parametrize(
    "content", ["", PASSWORD, "undertone:short", f":{PASSWORD}", f"a:{PASSWORD}\nb:{PASSWORD}", f"ü:{PASSWORD}"]
)
def test_a_file_without_a_secret_is_refused_and_not_shown(tmp_path: Path, content: str) -> None:
    path = tmp_path / "auth_string"
    path.write_text(content)
    with pytest.raises(ConfigError, match="auth_string") as refusal:
        single_services.read_secret(path)
    assert PASSWORD not in str(refusal.value)
    with pytest.raises(ConfigError, match="cannot be read"):
        single_services.read_secret(tmp_path / "missing")


def test_the_server_gets_both_secrets_by_its_environment_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replaced: list[Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "password").write_text("p@ss/word\n")
    with pytest.raises(Replaced):
        single_services.serve(4200, ACCESS, host="0.0.0.0", names=["server"], password_file=tmp_path / "password")
    _, command, env = replaced
    assert command[-3:] == ("4200", "0.0.0.0", "server")
    assert env["PREFECT_SERVER_API_AUTH_STRING"] == ACCESS.auth_string
    assert env["PREFECT_SERVER_DATABASE_PASSWORD"] == "p@ss/word"
    assert env["PREFECT_SERVER_UI_API_URL"] == "http://127.0.0.1:4200/api", "browsers are on this machine"
    assert not any(PASSWORD in word or "p@ss" in word for word in command)


def test_pages_have_a_place_if_the_installation_belongs_to_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    variable = "PREFECT_SERVER_UI_STATIC_DIRECTORY"
    assert variable not in server.server_environment(4200, ACCESS)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert server.server_environment(4200, ACCESS)[variable] == str(tmp_path / ".undertone/prefect/pages")


def test_a_worker_uses_the_servers_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replaced: list[Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Replaced):
        single_services.work("http://server:4200/", ACCESS, "first")
    _, command, env = replaced
    assert command[-4:] == ("--pool", work_pool.NAME, "--name", "first")
    assert env["PREFECT_API_URL"] == "http://server:4200/api"
    assert env["UNDERTONE_REPORT_URL"] == "http://127.0.0.1:4201/"
    assert "PREFECT_SERVER_API_AUTH_STRING" not in env
    for url in ("server:4200", "http://server", "https://server:4200", "http://server:x"):
        with pytest.raises(ConfigError, match="expected http://HOST:PORT"):
            single_services.work(url, ACCESS, "first")


def test_set_up_makes_a_project_of_an_empty_folder_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    registered: list[Any] = []
    monkeypatch.setattr(server, "await_health", lambda api: registered.append(api))
    monkeypatch.setattr(server, "register", lambda *_, pages: registered.append(pages))
    single_services.set_up("http://server:4200", ACCESS)
    assert registered == ["http://server:4200/api", "http://127.0.0.1:4200"]
    assert Path("dvc.yaml").is_file() and Path("data/train.csv").is_file()
    profile = Path(".undertone/prefect/profiles.toml")
    assert 'PREFECT_API_URL = "http://server:4200/api"' in profile.read_text()
    assert profile.stat().st_mode & 0o077 == 0
    Path("data/train.csv").write_text("mine")
    single_services.set_up("http://server:4200", ACCESS)
    assert Path("data/train.csv").read_text() == "mine"


def test_the_link_is_for_browsers_of_this_machine() -> None:
    link = single_services.login_link("http://server:4200", ACCESS)
    assert link == f"http://127.0.0.1:4200/enter#{ACCESS.auth_string}"
