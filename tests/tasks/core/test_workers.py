"""Worker processes leave with the process that started them; the death of one costs one item."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tasks.__main__ import PRELOADED
from tasks.core import workers
from tasks.core.code_version import ROOT

WORK = (
    "import time\nfrom tasks.core import workers\n"
    "if __name__ == '__main__':\n"
    "    with workers.pool(2) as pool:\n"
    "        naps = [pool.submit(time.sleep, n) for n in (0, 0, 60, 60)]\n"
    "        naps[0].result(), naps[1].result()\n"
    "        print('working', flush=True)\n"
    "        naps[2].result()\n"
)


def imported(name: str) -> tuple[int, bool]:
    """Tell which process this is, and whether it has a module."""
    time.sleep(0.2)
    return os.getpid(), name in sys.modules


def doubled(item: int) -> int:
    """Kill this process at item 3."""
    if item == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    return 2 * item


def killed_once(marker: Path) -> int:
    """Kill this process at the first call for the file `a`."""
    if marker.name == "a" and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def left(_: object) -> None:
    os._exit(9)


def test_an_item_that_kills_its_process_is_named_and_the_others_are_done() -> None:
    with workers.Pool(2) as pool:
        results = list(pool.map(doubled, range(6), lambda item, error: (item, error)))
    number, error = results.pop(3)
    assert results == [0, 2, 4, 8, 10]
    assert (number, error.item, str(error)) == (3, 3, "the process was killed by SIGSEGV")


def test_without_a_substitute_the_death_is_an_error_that_names_the_item() -> None:
    with workers.Pool(2) as pool, pytest.raises(workers.WorkerDied, match="exit status 9") as caught:
        list(pool.map(left, ["a"]))
    assert caught.value.item == "a"


def test_an_item_whose_process_was_killed_from_outside_is_repeated(tmp_path: Path) -> None:
    with workers.Pool(2) as pool:
        list(pool.map(abs, range(4)))
        assert len(list(pool.map(killed_once, [tmp_path / name for name in "abc"]))) == 3


def test_a_pool_whose_process_died_between_two_uses_is_replaced() -> None:
    with workers.Pool(1) as pool:
        (worker,) = pool.map(imported, ["os"])
        os.kill(worker[0], signal.SIGKILL)
        time.sleep(0.5)
        assert list(pool.map(abs, [-1, -2])) == [1, 2]


DRIVEN = (
    "import os, subprocess, sys, time\nfrom tasks.core import stage_process, workers\n"
    "os.environ[stage_process.DRIVER] = workers.driver()\n"
    "code = 'from tasks.core import workers; import time; workers.exit_with_driver(); '\n"
    "code += 'print(1, flush=True); time.sleep(60)'\n"
    "subprocess.run(f'{sys.executable} -c \"{code}\"; true', shell=True)\n"
)


def test_a_stage_run_by_dvc_does_not_outlive_the_process_that_drives_dvc() -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, "-c", DRIVEN], stdout=subprocess.PIPE, text=True, env=env)
    assert parent.stdout
    assert parent.stdout.readline() == "1\n"
    shell, stage = psutil.Process(parent.pid).children(recursive=True)
    parent.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs([shell, stage], timeout=10)
    assert alive == []
    parent.communicate()


def test_a_pool_begins_with_what_its_work_will_import() -> None:
    with workers.Pool(2) as pool:
        assert not pool.ready
        pool.prepare(["colorsys", "tasks.evaluation.splits"])
        until = time.monotonic() + 60
        while not pool.ready and time.monotonic() < until:
            time.sleep(0.05)
        assert pool.ready
        answers = list(pool.map(imported, ["colorsys"] * 8))
    assert all(there for _, there in answers)
    assert len({process for process, _ in answers}) == 2


def parent_process(_: int) -> int:
    return os.getppid()


def test_forked_processes_come_from_a_server_that_was_started_before() -> None:
    workers.start_forking(("colorsys",))
    assert workers.is_forking()
    servers = {child.pid for child in psutil.Process().children()}
    with workers.Pool(2, ("colorsys",)) as pool:
        assert set(pool.map(parent_process, range(4))) < servers


def test_a_module_that_fails_on_import_does_not_break_the_pool() -> None:
    with workers.Pool(2) as pool:
        pool.prepare(["no.such.module", "colorsys"])
        answers = list(pool.map(imported, ["colorsys"] * 2))
    assert all(there for _, there in answers)


@pytest.mark.parametrize("name", PRELOADED)
def test_what_pools_begin_with_can_be_imported(name: str) -> None:
    # in a process of the pool nobody would hear of a name that is none
    importlib.import_module(name)


def test_they_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "work.py"
    script.write_text(WORK)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=env)
    assert parent.stdout
    assert parent.stdout.readline() == "working\n"
    children = psutil.Process(parent.pid).children(recursive=True)
    assert len(children) >= 2
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
