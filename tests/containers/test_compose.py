"""compose.yaml: its commands and files exist, it holds no secret, and it publishes ports on loopback only."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import typer

from flows.cli.main import app
from tests.containers import composition, dockerfile
from tests.containers.composition import ComposedService

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "compose.yaml").read_text(encoding="utf-8")
CONTENT = composition.load(ROOT / "compose.yaml")
IMAGE = dockerfile.read((ROOT / "Dockerfile").read_text(encoding="utf-8"))[-1]
SERVICES = composition.services(
    CONTENT,
    entrypoint=IMAGE.of("ENTRYPOINT")[0].words(),
    folder=IMAGE.of("WORKDIR")[0].text,
    profiles=["dask"],
)
OURS = [service for service in SERVICES if service.image.startswith("undertone-ser:")]


def demand_command(words: list[str]) -> None:
    """Check that `undertone …` is a command with these options."""
    command = typer.main.get_command(app)
    name, *rest = words[1:]
    command = command.commands[name].commands[rest[0]]
    command.make_context(rest[0], [*rest[1:]], resilient_parsing=False)


@pytest.mark.parametrize("service", OURS, ids=lambda service: service.name)
def test_commands_exist(service: ComposedService) -> None:
    for words in filter(None, (service.command, service.health)):
        if words[0] == "undertone":
            demand_command(words)
        else:
            assert words[0] in ("dask", "python")


def test_services_start_in_order() -> None:
    names = [service.name for service in SERVICES]
    assert sorted(names) == ["dask-scheduler", "dask-worker", "database", "report", "server", "setup", "worker"]
    for service in SERVICES:
        for other in service.conditions:
            assert names.index(other) < names.index(service.name)
    without = composition.services(CONTENT, entrypoint=[], folder="/")
    assert not any(service.name.startswith("dask") for service in without)


def test_volumes_networks_and_secrets_are_declared() -> None:
    for name, entry in CONTENT["services"].items():
        assert set(entry.get("networks", [])) <= set(CONTENT["networks"]), name
        assert entry["restart"] == ("no" if name == "setup" else "unless-stopped")
    for service in SERVICES:
        assert set(service.volumes.values()) <= set(CONTENT["volumes"])
        assert set(service.secrets) <= set(CONTENT["secrets"])
        files = {value for value in service.env.values() if value.startswith(composition.SECRETS)}
        assert {Path(file).name for file in files if service.secrets} == set(service.secrets), service.name
    assert CONTENT["networks"]["database"] == {"internal": True}
    assert [name for name, entry in CONTENT["services"].items() if "database" in entry.get("networks", [])] == [
        "database",
        "server",
    ]


def test_ports_are_published_on_loopback_under_the_same_number() -> None:
    published = {name: entry["ports"] for name, entry in CONTENT["services"].items() if "ports" in entry}
    assert published == {"server": ["127.0.0.1:4200:4200"], "report": ["127.0.0.1:4201:4201"]}


def test_no_secret_is_in_the_files() -> None:
    for service in SERVICES:
        for name, value in service.env.items():
            if re.search("PASSWORD|SECRET|AUTH", name) and not name.endswith("_ARGS"):
                assert name.endswith("_FILE"), f"{service.name}: {name}"
                assert value.startswith(composition.SECRETS)
    assert "://prefect:" not in TEXT
    ignored = subprocess.run(["git", "check-ignore", "secrets/auth_string"], cwd=ROOT, capture_output=True, check=False)
    assert ignored.returncode == 0
    for secret in CONTENT["secrets"].values():
        assert dockerfile.ignored(
            secret["file"].removeprefix("./"), dockerfile.ignore_patterns((ROOT / ".dockerignore").read_text())
        )


def test_our_containers_have_few_rights() -> None:
    for service in OURS:
        entry = CONTENT["services"][service.name]
        assert entry["cap_drop"] == ["ALL"] and entry["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in entry and "user" not in entry and "network_mode" not in entry


def test_the_version_is_the_projects() -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert version and {service.image for service in OURS} == {f"undertone-ser:{version[1]}"}


@pytest.mark.long
@pytest.mark.timeout(1500)
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for namespaces of its own")
@pytest.mark.skipif(not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")), reason="needs Debian's PostgreSQL")
@pytest.mark.skipif(not all(map(shutil.which, ("unshare", "ip", "runuser"))), reason="needs unshare, ip and runuser")
@pytest.mark.parametrize("profile", ["", "--dask"])
def test_the_services_run_the_nightly_deployment(profile: str) -> None:
    namespaces = ["unshare", "--mount", "--propagation", "private", "--net", "--pid", "--fork", "--mount-proc"]
    command = [*namespaces, "--kill-child", sys.executable, "-m", "tests.containers.composed"]
    # not pytest's folder, which PostgreSQL's user cannot enter
    with tempfile.TemporaryDirectory(prefix="undertone-composed-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        arguments = [folder, *filter(None, [profile])]
        done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        logs = "".join(path.read_text()[-2000:] for path in Path(folder).glob("*.log"))
    assert done.returncode == 0, done.stderr + logs
    seen = json.loads(done.stdout)
    assert seen["run"]["status"] == 0, seen["run"]["output"]
    assert re.match(
        r"Completed: \+\d+ videos, \d+ rejected; new: UAR 0\.\d{3}; \d+ stages run, 0 current$", seen["message"]
    )
    assert seen["completed"] == "1" and seen["tables"] > 20, "Prefect's tables are in PostgreSQL"
    assert seen["without_password"] == "", "the database asks for its password"
    assert (seen["anonymous"], seen["with_secret"], seen["by_service_name"]) == (401, 200, 200)
    assert (seen["foreign_host"], seen["foreign_origin"], seen["report_anonymous"]) == (403, 403, 401)
    assert seen["report"].startswith("200 ") and seen["link"] and seen["pages"]
    started = {service.name for service in SERVICES if profile or not service.name.startswith("dask")}
    assert set(seen["healthy"]) == started - {"setup"}
    assert not seen["secret_in_logs"] and not seen["secret_in_commands"]
