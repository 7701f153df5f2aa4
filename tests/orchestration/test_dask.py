"""Dask workers without the project folder: the same bytes, though one is killed, one stops, and one joins late."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.dask_runs import await_port, free_port
from tasks.core.config import Config
from tasks.simulate.sample import sample
from tests.orchestration import harness
from tests.orchestration.harness import REPRO, Interviews, artifacts

pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("default")]
FEATURES = "extract@interviews-mid-term"
DASK = (sys.executable, "-m", "dask")
# an existing scheduler: Prefect would wait for the end of one that it started itself
RUN = "from flows.weak_supervision import weak_supervision as f; f(runner='dask', scheduler='{}', only={})"
# an empty folder over the project: what a worker on another machine sees
HIDING = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"')
KEYS = {"AWS_ACCESS_KEY_ID": "undertone", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass
class DaskCluster:
    """A scheduler, and workers that do not see the project; each has a folder and a home of its own."""

    address: str
    project: Path
    environment: dict[str, str]
    stack: ExitStack
    n_started: int = 0

    def start_worker(self) -> harness.Run:
        self.n_started += 1
        folder = self.project.parent / f"worker-{self.n_started}"
        folder.mkdir()
        worker = (
            *DASK,
            "worker",
            self.address,
            "--host",
            "127.0.0.1",
            "--nthreads",
            "1",
            "--no-dashboard",
            "--no-nanny",
        )
        command = (*HIDING, str(self.project), *worker)
        environment = {**self.environment, "HOME": str(folder), "PREFECT_HOME": str(folder / "prefect")}
        return self.stack.enter_context(harness.running(command, folder, **environment))


@contextmanager
def cluster(project: Path, environment: dict[str, str], n_workers: int) -> Iterator[DaskCluster]:
    """Start a scheduler and workers."""
    if subprocess.run((*HIDING, str(project), "true"), check=False, capture_output=True).returncode:
        pytest.skip("hiding the project folder from workers needs root (unshare -m)")
    port = free_port()
    scheduler = (*DASK, "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    with ExitStack() as stack:
        folder = project.parent / "scheduler"
        folder.mkdir()
        stack.enter_context(harness.running(scheduler, folder, **environment))
        await_port(port)
        started = DaskCluster(f"tcp://127.0.0.1:{port}", project, environment, stack)
        for _ in range(n_workers):
            started.start_worker()
        yield started


@contextmanager
def bucket(folder: Path) -> Iterator[dict[str, str]]:
    """Start a server of S3 on loopback with a bucket; yield the environment of its clients."""
    pytest.importorskip("moto.server", reason="moto[server] is not installed")
    s3fs = pytest.importorskip("s3fs", reason="the extra `remotes` is not installed")
    port, folder = free_port(), folder / "s3"
    folder.mkdir()
    endpoint = f"http://127.0.0.1:{port}"
    with harness.running((sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)), folder, **KEYS):
        await_port(port)
        files = s3fs.S3FileSystem(
            key=KEYS["AWS_ACCESS_KEY_ID"], secret=KEYS["AWS_SECRET_ACCESS_KEY"], endpoint_url=endpoint
        )
        files.mkdir("undertone")
        yield {**KEYS, "AWS_ENDPOINT_URL": endpoint}


@pytest.mark.parametrize("kind", ["file", "s3"])
def test_all_stages_with_a_killed_a_stopped_and_a_late_worker(
    tmp_path: Path, interviews: Interviews, server: dict[str, str], undisturbed: tuple[Path, float], kind: str
) -> None:
    with ExitStack() as stack:
        environment = server | (stack.enter_context(bucket(tmp_path)) if kind == "s3" else {})
        store = "s3://undertone/store" if kind == "s3" else f"file://{tmp_path}/store"
        folder = harness.project(tmp_path / "project", interviews, **harness.LIGHT, store=store)
        workers = stack.enter_context(cluster(folder, environment, 0))
        killed, stopped = workers.start_worker(), workers.start_worker()
        run = stack.enter_context(
            harness.running((sys.executable, "-c", RUN.format(workers.address, None)), folder, **environment)
        )
        _await_entries(folder / ".undertone/memo/captions", 1, run)
        killed.kill()
        stopped.process.send_signal(signal.SIGSTOP)
        for _ in range(2):
            workers.start_worker()
        # its batch waits for it: Dask gives up a worker after five minutes
        time.sleep(10)
        stopped.process.send_signal(signal.SIGCONT)
        run.finish()
    assert artifacts(folder) == artifacts(undisturbed[0])
    if kind == "file":
        # the killed worker may have stored a batch without saying so; a later run removes it
        assert len([path for path in (tmp_path / "store/results").rglob("*") if path.is_file()]) <= 1


def test_a_lost_scheduler_ends_the_run_with_a_message(
    tmp_path: Path, interviews: Interviews, server: dict[str, str], undisturbed: tuple[Path, float]
) -> None:
    folder = harness.project(tmp_path / "project", interviews, **harness.LIGHT)
    port = free_port()
    command = (*DASK, "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    run_command = (sys.executable, "-c", RUN.format(f"tcp://127.0.0.1:{port}", None))
    with harness.running(command, tmp_path, **server) as scheduler:
        await_port(port)
        # without workers, the first batch waits
        with harness.running(run_command, folder, **server) as run:
            until = time.monotonic() + 300
            while not list((folder / ".undertone/store/files").rglob("*")):
                assert run.process.poll() is None and time.monotonic() < until, run.log.read_text()[-3000:]
                time.sleep(0.1)
            scheduler.kill()
            assert run.process.wait(300) != 0
            assert f"the connection to the Dask scheduler at tcp://127.0.0.1:{port} was lost" in run.log.read_text()


@pytest.mark.bench
@pytest.mark.timeout(3600)
def test_features_of_two_hundred_interviews(tmp_path: Path, settings: Config, server: dict[str, str]) -> None:
    pages = sample(settings.simulate.model_copy(update={"train": 160, "test": 40}), tmp_path / "site")
    with harness.served(pages) as interviews:
        local, on_dask = (
            harness.project(tmp_path / name, interviews, **harness.LIGHT, store=f"file://{tmp_path}/store")
            for name in ("local", "on_dask")
        )
        for folder in (local, on_dask):
            harness.run((*REPRO, "corpus@interviews"), folder)
            # the stage segments has computed the features, too
            shutil.rmtree(folder / ".undertone/memo" / FEATURES)
    harness.run((*REPRO, FEATURES), local)
    with cluster(on_dask, server, 1) as workers:
        killed = workers.start_worker()
        command = (sys.executable, "-c", RUN.format(workers.address, [FEATURES]))
        with harness.running(command, on_dask, **server) as run:
            n_done = _await_entries(on_dask / ".undertone/memo" / FEATURES, 10, run)
            killed.kill()
            took = run.finish()
    assert artifacts(on_dask) == artifacts(local)
    print(
        f"\nDask: a scheduler and two workers over TCP, features of 200 interviews in {took:.0f} s; one worker killed "
        f"after {n_done}; features and dvc.lock equal those of `dvc repro`"
    )


def _await_entries(memo: Path, n_entries: int, run: harness.Run) -> int:
    while (n_done := len(list(memo.rglob("*.arrow")))) < n_entries:
        assert run.process.poll() is None, run.log.read_text()[-3000:]
        time.sleep(0.02)
    return n_done
