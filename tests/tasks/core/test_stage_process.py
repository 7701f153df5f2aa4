"""Tests of the process that runs all stages of a `dvc repro`, with stages that say which process runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tasks.core import code_version, stage_process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere stages run in their own processes")

_STAGES = """
import os, signal, sys, time
from pathlib import Path

def work(arguments):
    print(os.getpid(), Path.cwd())
    print("also", *arguments, file=sys.stderr)
    if "wait" in arguments:
        Path("begun").write_text(str(os.getpid()))
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            print("stopped")
            return 130
    if "crash" in arguments:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "error" in arguments:
        raise ValueError("an error in a stage")
    return 3 if "fail" in arguments else 0

main = work

def lasting():
    return work
"""
_CLIENT = "import sys; from tasks.core import stage_process; sys.exit(stage_process.run(sys.argv[1:], 'few_stages'))"
_DRIVER = """
import json, subprocess, sys
for step in json.loads(sys.argv[1]):
    if isinstance(step, str):
        exec(step)
        continue
    done = subprocess.run([sys.executable, "-c", sys.argv[2], *step], capture_output=True, text=True)
    print(json.dumps([done.returncode, done.stdout, done.stderr]), flush=True)
"""
_WITHIN_S = 10.0


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return the environment of stages that DVC runs; the module with the stages is in `tmp_path`."""
    (tmp_path / "few_stages.py").write_text(_STAGES, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), str(code_version.ROOT)])
    kept = {name: value for name, value in os.environ.items() if name != stage_process.DRIVER}
    return {**kept, "PYTHONPATH": path, stage_process.DVC_STAGE: "captions"}


def _driven(steps: list[list[str] | str], folder: Path, environment: dict[str, str]) -> list[tuple[int, str, str]]:
    """Run stages one after the other, as DVC does, and Python code between them; return status, output and errors."""
    command = [sys.executable, "-c", _DRIVER, json.dumps(steps), _CLIENT]
    driver = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return [tuple(json.loads(line)) for line in driver.stdout.splitlines()]


def _process(output: str) -> int:
    return int(output.split(maxsplit=1)[0])


def _gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def _wait_until(holds: Callable[[], object]) -> None:
    until = time.monotonic() + _WITHIN_S
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture
def waiting(tmp_path: Path, environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start a stage that waits; yield the process that asked for it, and the id of the one that runs it."""
    client = subprocess.Popen(
        [sys.executable, "-c", _CLIENT, "wait"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # where tests run in the background, they ignore interrupts, and so would their child processes
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    begun = tmp_path / "begun"
    _wait_until(lambda: begun.exists() and begun.read_text(encoding="utf-8"))
    process = int(begun.read_text(encoding="utf-8"))
    yield client, process
    for left in (client.pid, process):
        with suppress(ProcessLookupError):
            os.kill(left, signal.SIGKILL)
    client.communicate()


def test_one_process_runs_all_stages_of_a_driver_and_ends_with_it(tmp_path: Path, environment: dict[str, str]) -> None:
    first, second = _driven([["captions"], ["polarity"]], tmp_path, environment)
    assert _process(first[1]) == _process(second[1])
    assert first == (0, f"{_process(first[1])} {tmp_path}\n", "also captions\n")
    assert second[2] == "also polarity\n"
    _wait_until(lambda: _gone(_process(first[1])))
    (other,) = _driven([["captions"]], tmp_path, environment)
    assert _process(other[1]) != _process(first[1])


@pytest.mark.parametrize(
    ("stage", "status", "message"), [("fail", 3, "also fail"), ("error", 1, "an error in a stage")]
)
def test_a_stage_that_fails_returns_its_status_and_the_next_has_a_new_process(
    stage: str, status: int, message: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    first, failed, after = _driven([["captions"], [stage], ["captions"]], tmp_path, environment)
    assert failed[0] == status
    assert message in failed[2]
    assert _process(failed[1]) == _process(first[1]) != _process(after[1])
    assert after[0] == 0


def test_a_crash_is_reported_and_the_next_stage_runs(tmp_path: Path, environment: dict[str, str]) -> None:
    crashed, after = _driven([["crash"], ["captions"]], tmp_path, environment)
    assert crashed[0] == 1
    assert "crash: its process was killed or crashed; the next run continues" in crashed[2]
    assert after[0] == 0


@pytest.mark.parametrize(
    "change",
    [
        "open('params.yaml', 'w').write('runtime: {}')",
        "import os; os.environ['UNDERTONE_TEST'] = '1'",
        "import os; os.mkdir('elsewhere'); os.chdir('elsewhere')",
    ],
    ids=["parameters", "environment", "folder"],
)
def test_a_process_that_would_do_something_else_is_not_asked(
    change: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    first, second = _driven([["captions"], change, ["captions"]], tmp_path, environment)
    assert _process(first[1]) != _process(second[1])


def test_without_dvc_a_stage_runs_in_its_own_process(tmp_path: Path, environment: dict[str, str]) -> None:
    by_hand = {name: value for name, value in environment.items() if name != stage_process.DVC_STAGE}
    for variables in (by_hand, {**environment, stage_process.DRIVER: "1:2"}):
        command = [sys.executable, "-c", f"import os; print(os.getpid()); {_CLIENT}", "captions"]
        done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=True)
        asked, answered = done.stdout.splitlines()
        assert _process(answered) == int(asked)


def test_a_killed_stage_ends_at_once(waiting: tuple[subprocess.Popen[str], int]) -> None:
    client, process = waiting
    client.kill()
    _wait_until(lambda: _gone(process))


def test_an_interrupt_reaches_the_stage_once(waiting: tuple[subprocess.Popen[str], int]) -> None:
    client, process = waiting
    client.send_signal(signal.SIGINT)
    output, _ = client.communicate(timeout=_WITHIN_S)
    assert client.returncode == 130
    assert output.endswith("stopped\n")
    _wait_until(lambda: _gone(process))


def test_a_killed_process_is_reported(waiting: tuple[subprocess.Popen[str], int]) -> None:
    client, process = waiting
    os.kill(process, signal.SIGKILL)
    _, errors = client.communicate(timeout=_WITHIN_S)
    assert client.returncode == 1
    assert "its process was killed or crashed" in errors
