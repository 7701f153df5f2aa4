"""Run the services of compose.yaml without a container engine, and the nightly deployment on them, once.

    unshare --mount --propagation private --net --pid --fork --mount-proc python -m tests.containers.composed WORK

In a network namespace of their own, the services have the ports of compose.yaml, and their names lead to loopback.
Commands, variables, health checks, order and secrets are read from compose.yaml. PostgreSQL is Debian's package,
initialised as the official image does. undertone is this checkout, or with `--image WORK/image.json` the root file
system that dockerfile_steps.py has made, with its user and at the paths of compose.yaml.

It prints a JSON object with what it saw. Needs root.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import secrets as random_secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from tests.containers import composition, dockerfile
from tests.containers.composition import SECRETS, ComposedService
from tests.containers.dockerfile_steps import Image

ROOT = Path(__file__).resolve().parents[2]
SERVER, REPORT = "http://127.0.0.1:4200", "http://127.0.0.1:4201/"
LIMIT_S = 180.0
_LAST_STATE = (
    "select r.state_name || ': ' || coalesce(s.message, '') from flow_run r join flow_run_state s on s.id = r.state_id "
    "where r.state_type <> 'SCHEDULED' order by r.created desc limit 1"
)


@dataclass
class Engine:
    """Starts services, each as a process of this machine.

    Args:
        work: folder for volumes, secrets and logs
        image: root file system of our image; None to use this checkout
    """

    work: Path
    image: Image | None
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def volume(self, name: str) -> Path:
        """Return the folder of a volume."""
        folder = self.work / "volumes" / name
        if not folder.exists():
            folder.mkdir(parents=True)
            if self.image is not None:
                # as a new volume gets the owner of the folder in the image
                shutil.chown(folder, 10001, 10001)
        return folder

    def secret(self, name: str) -> Path:
        """Return the file of a secret."""
        return self.work / "secrets" / name

    def mounts(self, service: ComposedService) -> dict[str, Path]:
        """Return path inside → folder or file of this machine."""
        volumes = {target: self.volume(name) for target, name in service.volumes.items()}
        return volumes | {f"{SECRETS}/{name}": self.secret(name) for name in service.secrets}

    def command(self, service: ComposedService, command: Sequence[str]) -> tuple[list[str], dict[str, str], Path]:
        """Return command line, environment and working folder of a command in a service's container."""
        mounts = self.mounts(service)
        if service.image.startswith("postgres:"):
            return list(command), {**os.environ, **service.env}, self.work
        if self.image is not None:
            mounts["/etc/hosts"] = self.work / "hosts"
            for target, source in mounts.items():
                inside = self.image.root / target.lstrip("/")
                inside.parent.mkdir(parents=True, exist_ok=True)
                inside.mkdir(exist_ok=True) if source.is_dir() else inside.touch()
            image = Image(**{**vars(self.image), "folder": service.folder})
            return image.enter(command, service.env, mounts=mounts), dict(os.environ), self.work
        # without a root file system of its own: paths inside become those of this machine
        folder = mounts.get(service.folder, self.work)
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        return (
            [_outside(word, mounts) for word in command],
            {
                **env,
                **{name: _outside(value, mounts) for name, value in service.env.items()},
            },
            folder,
        )

    def start(self, service: ComposedService) -> None:
        """Start a service once the conditions of those that it depends on hold."""
        for number in range(service.replicas):
            name = service.name if service.replicas == 1 else f"{service.name}-{number + 1}"
            program = self._postgres(service) if service.image.startswith("postgres:") else service.command
            command, env, folder = self.command(service, program)
            with (self.work / f"{name}.log").open("wb") as log:
                self.running[name] = subprocess.Popen(command, env=env, cwd=folder, stdout=log, stderr=log)

    def execute(self, service: ComposedService, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a command in a service's container, as `docker compose exec` does."""
        line, env, folder = self.command(service, command)
        return subprocess.run(line, env=env, cwd=folder, capture_output=True, text=True, check=False)

    def healthy(self, service: ComposedService) -> bool:
        """Return whether the service's check, or else the image's, passes."""
        check = service.health or health_of_the_image()
        return self.execute(service, check).returncode == 0

    def _postgres(self, service: ComposedService) -> list[str]:
        """Initialise the database as the official image does, and return the server's command."""
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        os.environ["PATH"] = f"{programs}:{os.environ['PATH']}"
        as_postgres = ["runuser", "-u", "postgres", "--"]
        data, password = self.volume("database"), self.work / "password"
        shutil.copy(self.secret(Path(service.env["POSTGRES_PASSWORD_FILE"]).name), password)
        for path in (data, password):
            shutil.chown(path, "postgres")
        options = service.env["POSTGRES_INITDB_ARGS"].split()
        user = service.env["POSTGRES_USER"]
        initialise = [
            f"{programs}/initdb",
            "-D",
            str(data),
            "-U",
            user,
            f"--pwfile={password}",
            "--auth-local=trust",
            *options,
        ]
        subprocess.run([*as_postgres, *initialise, "--no-sync"], check=True, capture_output=True, cwd="/")
        password.unlink()
        # the image creates the database through a server that listens on its socket only
        sql = f'CREATE DATABASE "{service.env["POSTGRES_DB"]}";\n'
        single = [*as_postgres, f"{programs}/postgres", "--single", "-D", str(data), "postgres"]
        subprocess.run(single, input=sql, text=True, check=True, capture_output=True, cwd="/")
        return [*as_postgres, f"{programs}/postgres", "-D", str(data), "-k", str(data), "-c", "fsync=off"]


def _outside(text: str, mounts: dict[str, Path]) -> str:
    for target, source in mounts.items():
        text = re.sub(rf"(?<![\w/]){re.escape(target)}(?=/|$)", str(source), text)
    return text


def health_of_the_image() -> list[str]:
    """Return the command of the Dockerfile's HEALTHCHECK."""
    last = dockerfile.read((ROOT / "Dockerfile").read_text(encoding="utf-8"))[-1]
    return dockerfile.health_command(last.of("HEALTHCHECK")[0])


def until(condition: Callable[[], Any], subject: str, limit_s: float = LIMIT_S) -> Any:
    """Return the first true result of a condition."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.5)
    raise SystemExit(f"not within {limit_s:.0f} s: {subject}")


@contextmanager
def up(engine: Engine, chosen: Sequence[ComposedService]) -> Iterator[dict[str, float]]:
    """Start services in order; yield the seconds each took to become healthy; stop all at the end."""
    rules = [service.conditions for service in chosen]
    took: dict[str, float] = {}
    try:
        for service in chosen:
            for other, condition in service.conditions.items():
                if condition == "service_completed_successfully":
                    status = engine.running[other].wait(LIMIT_S)
                    if status:
                        raise SystemExit(f"{other} ended with status {status}")
                elif other not in took:
                    raise SystemExit(f"{service.name} starts before {other} is healthy")
            started = time.monotonic()
            engine.start(service)
            if not any(rule.get(service.name) == "service_completed_successfully" for rule in rules):
                until(partial(engine.healthy, service), f"{service.name} is healthy")
            took[service.name] = round(time.monotonic() - started, 1)
            print(f"{service.name}: {took[service.name]} s", file=sys.stderr, flush=True)
        yield took
    finally:
        stop_all()


def stop_all() -> None:
    """End all processes that this one has started, with theirs."""
    for stop in (psutil.Process.terminate, psutil.Process.kill):
        left = psutil.Process().children(recursive=True)
        for process in left:
            with suppress(psutil.Error):
                stop(process)
        psutil.wait_procs(left, timeout=15)


def answer(url: str, headers: dict[str, str] | None = None, method: str = "GET") -> tuple[int, str, dict[str, str]]:
    """Return status, body and headers of an answer."""
    request = urllib.request.Request(url, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, reply.read().decode(), dict(reply.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), dict(error.headers)


def prepare_machine(work: Path, names: Sequence[str]) -> None:
    """Bring up loopback and make the services' names lead to it, in this process's namespaces only."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    hosts = work / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {socket.gethostname()} {' '.join(names)}\n")
    subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)
    folder = work / "secrets"
    folder.mkdir(mode=0o700)
    (folder / "auth_string").write_text(f"undertone:{random_secrets.token_hex(32)}")
    (folder / "database_password").write_text(f"{random_secrets.token_hex(32)}\n")
    for path in folder.iterdir():
        path.chmod(0o444)


def observe(engine: Engine, by_name: dict[str, ComposedService], parameters: Sequence[str]) -> dict[str, Any]:
    """Run the nightly deployment and return what the services answer."""
    auth = engine.secret("auth_string").read_text()
    password = engine.secret("database_password").read_text().strip()
    basic = {"Authorization": f"Basic {base64.b64encode(auth.encode()).decode()}"}
    worker, server = by_name["worker"], by_name["server"]
    started = time.monotonic()
    run = engine.execute(worker, ["prefect", "deployment", "run", "weak-supervision/nightly", *parameters, "--watch"])
    seconds = time.monotonic() - started
    login = answer(f"{SERVER}/enter", {**basic, "Origin": SERVER}, "POST")
    cookie = login[2].get("set-cookie", login[2].get("Set-Cookie", "")).split(";")[0]
    env = {**os.environ, "PGPASSWORD": password}
    query = ["psql", "-h", "127.0.0.1", "-U", "prefect", "-d", "prefect", "-Atc"]

    def ask(sql: str, environment: dict[str, str] = env) -> str:
        return subprocess.run(
            [*query, sql], env=environment, capture_output=True, text=True, check=False
        ).stdout.strip()

    logs = "".join(path.read_text(errors="replace") for path in engine.work.glob("*.log"))
    commands = "".join(path.read_bytes().decode(errors="replace") for path in _command_lines())
    return {
        "run": {"status": run.returncode, "seconds": round(seconds, 1), "output": (run.stdout + run.stderr)[-3000:]},
        "message": ask(_LAST_STATE),
        "tables": int(ask("select count(*) from information_schema.tables where table_schema = 'public'") or 0),
        "completed": ask("select count(*) from flow_run where state_type = 'COMPLETED'"),
        "without_password": ask("select 1", {**os.environ, "PGPASSWORD": "wrong"}),
        "link": engine.execute(server, ["undertone", "service", "link"]).stdout.strip() == f"{SERVER}/enter#{auth}",
        "pages": all(reply in answer(f"{SERVER}/")[1] for reply in ("<html", "Prefect")),
        "anonymous": answer(f"{SERVER}/api/work_pools/undertone")[0],
        "with_secret": answer(f"{SERVER}/api/work_pools/undertone", basic)[0],
        "by_service_name": answer(f"{SERVER.replace('127.0.0.1', 'server')}/api/work_pools/undertone", basic)[0],
        "foreign_host": answer(f"{SERVER}/api/health", {"Host": "evil.example:4200"})[0],
        "foreign_origin": answer(f"{SERVER}/api/health", {"Origin": "http://evil.example"})[0],
        "report_anonymous": answer(REPORT)[0],
        "report": _title(answer(REPORT, {"Cookie": cookie})),
        "healthy": sorted(name for name, service in by_name.items() if name != "setup" and engine.healthy(service)),
        "secret_in_logs": auth in logs or password in logs,
        "secret_in_commands": auth in commands or password in commands,
    }  # fmt: skip


def _command_lines() -> Iterator[Path]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            path.read_bytes()
        except OSError:
            continue
        yield path


def _title(reply: tuple[int, str, dict[str, str]]) -> str:
    status, page, _ = reply
    match = re.search(r"<title>(.*?)</title>", page)
    return f"{status} {match[1] if match else page[:200]}"


def main() -> None:
    """Start everything, run the deployment, and print what was seen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("work", type=Path, help="empty folder for volumes, secrets and logs")
    parser.add_argument("--image", type=Path, help="image.json of dockerfile_steps.py")
    parser.add_argument("--dask", action="store_true", help="the profile dask, and the run on it")
    options = parser.parse_args()
    image = Image(**json.loads(options.image.read_text())) if options.image else None
    if image is not None:
        image.root = Path(image.root)
    last = dockerfile.read((ROOT / "Dockerfile").read_text(encoding="utf-8"))[-1]
    (entrypoint,), (workdir,) = last.of("ENTRYPOINT"), last.of("WORKDIR")
    chosen = composition.services(
        composition.load(ROOT / "compose.yaml"),
        entrypoint=entrypoint.words(),
        folder=workdir.text,
        profiles=["dask"] if options.dask else [],
    )
    options.work.mkdir(parents=True, exist_ok=True)
    prepare_machine(options.work, [service.name for service in chosen])
    engine = Engine(options.work.resolve(), image)
    scheduler = ["--param", "runner=dask", "--param", "scheduler=tcp://dask-scheduler:8786"]
    with up(engine, chosen) as took, sample_site(engine.volume("project")):
        seen = observe(engine, {service.name: service for service in chosen}, scheduler if options.dask else [])
    print(json.dumps({"healthy_after_s": took, **seen}, indent=2))


@contextmanager
def sample_site(project: Path) -> Iterator[None]:
    """Serve six interviews of the sample and list them in the project that `setup` has made."""
    from tasks.core import config
    from tasks.simulate import site
    from tasks.simulate.sample import sample

    settings = config.load(ROOT / "params.yaml").simulate.model_copy(update={"train": 4, "test": 2})
    pages = sample(settings, project.parent / "site")
    with site.serve(pages, port=settings.port) as url:
        for name in ("train", "test"):
            (project / f"data/{name}.csv").chmod(0o666)
        site.write_lists(pages, url, project / "data/train.csv", project / "data/test.csv")
        for name in ("train", "test"):
            (project / f"data/{name}.csv").chmod(0o644)
        yield


if __name__ == "__main__":
    main()
