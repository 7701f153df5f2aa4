"""Process of all stages of a `dvc repro`: it imports libraries once, and its worker processes stay.

DVC starts `python -m undertone STAGE` for each stage. Importing what stages need takes longer than most of them. So the
first such process forks another, which runs this stage and those that follow, as `undertone run` does, and ends with
DVC. The processes that DVC starts pass on their arguments and standard streams, and return the exit status.

The process answers only those that would do the same by themselves: with the same code, environment, parameters and
project folder, started by the same DVC. Whatever prevents it, a process runs its stage itself: so it is elsewhere than
on Linux, in a stage that DVC did not start, and if the other process has ended.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from tasks.core import file_stamps

Stages = Callable[[Sequence[str]], int]
"""Runs the stages that arguments name, and returns the exit status."""
DVC_STAGE = "DVC_STAGE"
"""Environment variable: the stage that DVC runs."""
DRIVER = "UNDERTONE_DRIVER"
"""Environment variable: id and start time of the process that runs this one through DVC; a stage ends with it."""
_MAIN = f"{__name__.removesuffix('.core.stage_process')}.__main__"
"""By name: it is above this package, and its imports are what this module saves."""
_CODE = Path(__file__).resolve().parents[1]
_PARAMS = Path("params.yaml")
_IDLE_S = 60.0
_MOST_BYTES = 1 << 30
"""Memory that a process may hold while it waits for the next stage."""
_LARGE = "torch"
_BEGUN, _INTERRUPT = b"b", b"i"
_REQUEST_BYTES = 1 << 16
_CREDENTIALS = struct.Struct("3i")


def run(arguments: Sequence[str], module: str = _MAIN) -> int:
    """Run stages, in the process that runs all stages of this `dvc repro` if there can be one.

    Args:
        arguments: names of stages
        module: has `main`, which runs stages, and `lasting`, which returns the same for many calls

    Returns:
        the exit status
    """
    if sys.platform == "linux" and DVC_STAGE in os.environ and DRIVER not in os.environ:
        try:
            connection = _connected(arguments, module)
        except OSError:
            connection = None
        if connection is not None:
            with connection:
                return _status(connection, arguments)
    main: Stages = import_module(module).main
    return main(arguments)


def _connected(arguments: Sequence[str], module: str) -> socket.socket | None:
    """Return a connection to the process that has begun to run these stages; None if it refuses."""
    driver = os.getppid()
    name = _name(arguments, driver)
    try:
        connection = _connection(name)
    except ConnectionRefusedError:
        _start(name, driver, module)
        connection = _connection(name)
    if _peer(connection) == os.getuid():
        socket.send_fds(connection, [json.dumps(list(arguments)).encode()], [0, 1, 2])
        if connection.recv(1) == _BEGUN:
            return connection
    connection.close()
    return None


def _connection(name: bytes) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(name)
    except OSError:
        connection.close()
        raise
    return connection


def _name(arguments: Sequence[str], driver: int) -> bytes:
    """Return the name of the process's socket, which vanishes with it: a digest of all that it has to agree in."""
    # the second field, a name, may contain spaces; the time of its start is the 22nd
    started = Path(f"/proc/{driver}/stat").read_text().rpartition(")")[2].split()[19]
    environment = {name: value for name, value in os.environ.items() if name != DVC_STAGE}
    command = sys.orig_argv[: len(sys.orig_argv) - len(arguments)]
    code = file_stamps.of_trees([str(_CODE)], without=("__pycache__",))
    params = _PARAMS.read_bytes().hex() if _PARAMS.exists() else ""
    agreed = [driver, started, sorted(environment.items()), sys.executable, command, sorted(code.items()), params]
    whole = json.dumps([*agreed, str(Path.cwd())])
    return b"\0undertone-" + hashlib.sha256(whole.encode(errors="surrogateescape")).hexdigest().encode()


def _peer(connection: socket.socket) -> int:
    """Return the id of the user at the other end."""
    _, user, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return int(user)


def _status(connection: socket.socket, arguments: Sequence[str]) -> int:
    """Wait for the stages; return their exit status. If this process is killed, the other one ends, too."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # the other process is in no terminal's foreground
        signal.signal(signal.SIGINT, lambda *_: connection.send(_INTERRUPT))
    if status := connection.recv(1):
        return status[0]
    message = f"{' '.join(arguments)}: its process was killed or crashed; the next run continues from there"
    print(message, file=sys.stderr)  # noqa: T201
    return 1


def _start(name: bytes, driver: int, module: str) -> None:
    """Fork the process that runs stages."""
    ends = os.pidfd_open(driver)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(name)
            listener.listen()
            if not os.fork():
                try:
                    # signals of the terminal go to the processes that DVC started; no session of its own, since Linux
                    # may share the processor among sessions, whatever DVC's priority in its own
                    os.setpgid(0, 0)
                    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
                    _serve(listener, ends, module)
                finally:
                    # worker processes and decoders end with this one
                    os._exit(0)
    finally:
        os.close(ends)


def _serve(listener: socket.socket, ends: int, module: str) -> None:
    stages: Stages = import_module(module).lasting()
    while True:
        ready, _, _ = select.select([listener.fileno(), ends], [], [], _IDLE_S)
        if listener.fileno() not in ready:
            return
        connection, _ = listener.accept()
        with connection:
            if _peer(connection) == os.getuid() and not _answered(connection, listener, stages):
                return


def _answered(connection: socket.socket, listener: socket.socket, stages: Stages) -> bool:
    """Run the stages that a process asks for; return whether this process can run others after them."""
    request, streams, *_ = socket.recv_fds(connection, _REQUEST_BYTES, 3)
    _redirect(streams)
    if not request:
        # the other process ended meanwhile
        return True
    connection.sendall(_BEGUN)
    done = threading.Event()
    watching = threading.Thread(target=_watch, args=(connection, done), daemon=True)
    watching.start()
    status = _done(stages, json.loads(request))
    stays = status == 0 and _LARGE not in sys.modules and _resident_bytes() < _MOST_BYTES
    if not stays:
        # the next process must not reach this one
        listener.close()
    nothing = os.open(os.devnull, os.O_RDWR)
    _redirect([nothing] * 3)
    done.set()
    connection.sendall(bytes([status]))
    watching.join()
    return stays


def _done(stages: Stages, arguments: Sequence[str]) -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return stages(arguments)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.stdout.flush()
        sys.stderr.flush()


def _redirect(streams: Sequence[int]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    for stream in set(streams):
        os.close(stream)


def _watch(connection: socket.socket, done: threading.Event) -> None:
    """Pass on interrupts; exit if the process that asked ends before its stages do."""
    while connection.recv(1):
        if not done.is_set():
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    if not done.is_set():
        # no clean-up: results are in the cache, and the next run continues from there
        os._exit(1)


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
