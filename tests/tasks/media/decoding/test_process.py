"""Decoder processes: crashes and limits cost one item, nothing outlives its parent, threads have their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from tasks.core.code_version import ROOT
from tasks.core.errors import AudioError
from tasks.media import decode
from tasks.media.decoding import process
from tasks.media.decoding.errors import DecoderDiedError

FAULTY = """
import os, signal, sys, time
import numpy as np
from pathlib import Path
from tasks.media.decoding import child, limits
limits.FLOOR_S = 0.1
limits.S_PER_BYTE = 0.0
if Path(__file__).with_name("impatient").exists():
    child.IDLE_S = 0.1
def fault(granted, *, source):
    match Path(source).stem:
        case "segfault": os.kill(os.getpid(), signal.SIGSEGV)
        case "abort": os.abort()
        case "loop":
            while True: pass
        case "sleep": time.sleep(60)
        case "memory": np.ones(limits.MEMORY_BYTES, np.uint8)
        case "bug": raise KeyError("a bug")
        case "print": print("noise", flush=True); os.write(1, b"noise")
        case "once":
            if not (marker := Path(source).with_suffix(".marker")).exists():
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
    return child.Message(child.DONE, {"environment": dict(os.environ)}, {"samples": np.arange(3, dtype=np.int16)})
child._FUNCTIONS = {**child._FUNCTIONS, "samples": fault}
if __name__ == "__main__":
    child.main()
"""


def decoders() -> list[psutil.Process]:
    """The decoders of this process, which may have other children of other tests."""
    return [child for child in psutil.Process().children() if any(process.PROGRAM in word for word in child.cmdline())]


@pytest.fixture
def fresh() -> Iterator[None]:
    """No decoder from another test, and none left for one."""
    process.stop_all()
    yield
    process.stop_all()


@pytest.fixture
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: None) -> Callable[[str], Path]:
    """Decoders that fail in the way that the file's name says."""
    (tmp_path / "faulty_decoder.py").write_text(FAULTY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(process, "PROGRAM", "faulty_decoder")

    def source(name: str) -> Path:
        path = tmp_path / f"{name}.wav"
        path.write_bytes(b"content")
        return path

    return source


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("segfault", "the decoder failed: the process was killed by SIGSEGV"),
        ("abort", "the decoder failed: the process was killed by SIGABRT"),
        ("loop", "too much computing time"),
    ],
)
def test_a_crash_costs_one_item(faulty: Callable[[str], Path], name: str, message: str) -> None:
    assert decode.samples(faulty("good")).size == 3
    with pytest.raises(DecoderDiedError, match=message):
        decode.samples(faulty(name))
    assert decode.samples(faulty("good")).size == 3


def test_a_decoder_that_stands_still_is_stopped(faulty: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    decode.samples(faulty("good"))
    monkeypatch.setattr(process, "PATIENCE_S", 0.3)
    with pytest.raises(DecoderDiedError, match="decoding stood still for 0 s"):
        decode.samples(faulty("sleep"))
    assert decoders() == []


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit a process's memory")
def test_memory_is_limited(faulty: Callable[[str], Path]) -> None:
    with pytest.raises(AudioError, match="more than 4 GiB of memory"):
        decode.samples(faulty("memory"))


def test_a_bug_of_ours_keeps_its_traceback(faulty: Callable[[str], Path]) -> None:
    with pytest.raises(RuntimeError, match="KeyError: 'a bug'"):
        decode.samples(faulty("bug"))


def test_output_of_libraries_does_not_reach_the_answers(faulty: Callable[[str], Path]) -> None:
    np.testing.assert_array_equal(decode.samples(faulty("print")), [0, 1, 2])


def test_a_decoder_killed_from_outside_is_replaced(faulty: Callable[[str], Path]) -> None:
    np.testing.assert_array_equal(decode.samples(faulty("once")), [0, 1, 2])


def test_decoders_get_no_secrets(faulty: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hush")
    answer = process.call("samples", faulty("good"))
    assert "PYTHONPATH" in answer.values["environment"]
    assert "SECRET_TOKEN" not in answer.values["environment"]


def test_a_decoder_is_kept_and_replaced_after_many_files(
    wav: Callable[..., Path], fresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = wav(0.1)
    pids = list[int]()
    monkeypatch.setattr(process, "_MAX_REQUESTS", 3)
    for _ in range(4):
        decode.samples(source)
        pids += [decoder.pid for decoder in decoders()]
    assert pids[0] == pids[1] != pids[2]
    assert len(pids) == 3


def test_a_decoder_without_work_ends_and_the_next_file_gets_another(
    faulty: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "impatient").touch()
    pids = set[int]()
    for _ in range(2):
        assert decode.samples(faulty("good")).size == 3
        (decoder,) = decoders()
        pids.add(decoder.pid)
        until = time.monotonic() + 30
        while decoder.status() != psutil.STATUS_ZOMBIE and time.monotonic() < until:
            time.sleep(0.05)
    assert len(pids) == 2


def test_threads_decode_at_the_same_time(wav: Callable[..., Path], fresh: None) -> None:
    sources = [wav(0.1 * number, name=f"{number}.wav") for number in range(1, 9)]
    with ThreadPoolExecutor(4) as threads:
        sizes = [signal.size for signal in threads.map(decode.samples, sources * 4)]
    assert sizes == [1_600 * number for number in range(1, 9)] * 4
    assert len(decoders()) <= (os.cpu_count() or 1)


def test_missing_and_unreadable_files_are_errors_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        decode.samples(tmp_path / "none.wav")
    with pytest.raises(OSError, match="directory"):
        decode.samples(tmp_path)


@pytest.mark.parametrize("name", ["Беседа.wav", "日本語.wav", "a%d #?&.wav", "new\nline.wav", os.fsdecode(b"\xff.wav")])
def test_any_file_name(wav: Callable[..., Path], tmp_path: Path, name: str) -> None:
    source = wav(0.1).rename(tmp_path / name)
    assert decode.samples(source).size == 1_600
    assert decode.to_flac(source, tmp_path / f"{name}.flac") == 0.1


KILLED = """
import sys, threading, time
from pathlib import Path
from tasks.media import decode
from tasks.media.decoding import process
process.PROGRAM = "faulty_decoder"
threading.Timer(1.5, lambda: print(1, flush=True)).start()
decode.samples(Path(sys.argv[1]))
time.sleep(60)
"""


@pytest.mark.parametrize("name", ["sleep", "good"])
def test_a_decoder_does_not_outlive_its_killed_parent(faulty: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
    command = [sys.executable, "-c", KILLED, faulty(name)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    assert parent.stdout
    assert parent.stdout.readline() == "1\n"
    decoders = psutil.Process(parent.pid).children(recursive=True)
    assert len(decoders) == 1
    parent.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(decoders, timeout=10)
    assert alive == []
    parent.communicate()


FORKED = """
import os, sys
from pathlib import Path
from tasks.media import decode
source = Path(sys.argv[1])
size = decode.samples(source).size
pid = os.fork()
assert decode.samples(source).size == size
if not pid:
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
assert decode.samples(source).size == size
"""


def test_a_forked_process_starts_its_own(wav: Callable[..., Path]) -> None:
    done = subprocess.run([sys.executable, "-c", FORKED, wav(0.2)], env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0
