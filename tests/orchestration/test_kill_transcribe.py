"""Runs that recognise speech, killed and started again: same bytes by both drivers, no video recognised twice.

faster-whisper is a stand-in here (tests/fixtures/fake_whisper): this is about processes and files, not about words.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tasks.core import paths, tables
from tests.orchestration import harness
from tests.orchestration.harness import FLOW, REPRO, Interviews

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("default")]
FAKE = Path(__file__).resolve().parent.parent / "fixtures" / "fake_whisper"
FILES = ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt")
Made = Callable[..., Path]


@pytest.fixture
def made(tmp_path: Path, interviews: Interviews) -> Made:
    """Make a project in which speech is recognised: of all interviews, or of those without captions."""
    weights = tmp_path / "weights"
    weights.mkdir()
    for name in FILES:
        (weights / name).write_text(name)

    def make(name: str, when: str = "always") -> Path:
        (tmp_path / name).mkdir()
        folder = harness.project(tmp_path / name / "project", interviews, **harness.LIGHT)
        params = folder / "params.yaml"
        text = params.read_text().replace("  when: never  ", f"  when: {when} ")
        text = text.replace("  model: whisper-base  ", f"  model: {weights}  ")
        params.write_text(text.replace("  workers: 0  ", "  workers: 1  "))
        return folder

    return make


def run_to_captions(folder: Path) -> None:
    harness.run((*REPRO, "captions"), folder, PYTHONPATH=str(FAKE))


def transcribed(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "data" / "transcribe").iterdir() if path.suffix}


def n_cached(folder: Path) -> int:
    return len(list((folder / ".undertone" / "memo" / "transcribe").glob("*")))


def test_killed_while_it_recognises(made: Made) -> None:
    calm, folder = made("calm"), made("killed")
    run_to_captions(calm)
    expected = transcribed(calm)
    rows = tables.read(calm / paths.RECOGNISED, tables.RECOGNISED).to_pylist()
    assert len(rows) >= 6, "those without captions are among them"
    assert any(row["word_error_rate"] is not None for row in rows)
    harness.run((*REPRO, "crawl"), folder, PYTHONPATH=str(FAKE))
    with harness.running((*REPRO, "captions"), folder, PYTHONPATH=str(FAKE)) as run:
        deadline = time.monotonic() + 120
        while n_cached(folder) < 2:
            assert run.process.poll() is None, run.log.read_text()[-2000:]
            assert time.monotonic() < deadline
            time.sleep(0.02)
        left = run.kill()
    _, alive = psutil.wait_procs(left, timeout=10)
    assert alive == []
    before = n_cached(folder)
    run_to_captions(folder)
    assert transcribed(folder) == expected
    tally = json.loads((folder / ".undertone" / "tally" / "transcribe.json").read_text())
    assert tally["done"] <= tally["items"] - before, "nothing is recognised twice"
    assert (folder / paths.UTTERANCES).read_bytes() == (calm / paths.UTTERANCES).read_bytes()


def test_both_drivers_give_the_same_bytes_and_a_report(made: Made, server: dict[str, str]) -> None:
    by_dvc, by_flow = made("dvc", "missing"), made("flow", "missing")
    harness.run(REPRO, by_dvc, PYTHONPATH=str(FAKE))
    harness.run(FLOW, by_flow, PYTHONPATH=str(FAKE), **server)
    harness.run(REPRO, by_flow, PYTHONPATH=str(FAKE))
    mine, theirs = harness.artifacts(by_dvc), harness.artifacts(by_flow)
    assert [name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)] == []
    assert "Recognised speech" in (by_dvc / paths.REPORT).read_text()
