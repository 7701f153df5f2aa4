"""Exports read by the libraries of their formats: Hugging Face datasets, audformat, mlcroissant.

They are no dependencies of undertone. Install them in environments of their own and name their interpreters:

    python -m venv /tmp/a && /tmp/a/bin/pip install 'datasets>=4,<5' mlcroissant soundfile
    python -m venv /tmp/b && /tmp/b/bin/pip install 'datasets>=5,<6' audformat soundfile
    UNDERTONE_EXPORT_READERS=/tmp/a/bin/python:/tmp/b/bin/python pytest -m long tests/tasks/on_demand/exporting
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.core import each, paths
from tasks.core.config import Config
from tasks.media.segments import reader
from tasks.stages import segments
from tests.tasks.on_demand.exporting.conftest import Toy

READERS = [name for name in os.environ.get("UNDERTONE_EXPORT_READERS", "").split(os.pathsep) if name]
SCRIPT = Path(__file__).with_name("library_reader.py")

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not READERS, reason="UNDERTONE_EXPORT_READERS names no environments with the libraries"),
]


def read(library: str, folder: Path, interpreter: str) -> dict[str, dict[str, Any]]:
    probe = subprocess.run([interpreter, "-c", f"import {library}"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"{interpreter} has no {library}")
    home = {"HF_HOME": str(folder.parent / "hf"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [interpreter, SCRIPT, library, folder],
        capture_output=True, text=True, check=False, env={**os.environ, **home}, cwd=folder.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    print(library, answer["version"])
    return {row["utterance_id"]: row for row in answer["rows"]}


@pytest.mark.parametrize("interpreter", READERS)
def test_datasets(toy: Toy, tmp_path: Path, interpreter: str) -> None:
    toy.export("hf", tmp_path / "out")
    rows = read("datasets", tmp_path / "out", interpreter)
    assert {name: row.pop("part") for name, row in rows.items()} == {name: row["split"] for name, row in rows.items()}
    assert rows == toy.expected()


@pytest.mark.parametrize("interpreter", READERS)
def test_audformat(toy: Toy, tmp_path: Path, interpreter: str) -> None:
    toy.export("audformat", tmp_path / "out")
    rows = read("audformat", tmp_path / "out", interpreter)
    by_rater = {name: row.pop("by_rater") for name, row in rows.items()}
    assert by_rater.pop("toy/0") == {"ada": "negative", "bob b.": "positive"}
    assert not any(by_rater.values())
    assert {name: row.pop("part") for name, row in rows.items()} == {name: row["split"] for name, row in rows.items()}
    assert rows == toy.expected(sound_only=True)


@pytest.mark.parametrize("interpreter", READERS)
def test_mlcroissant_of_parquet_files(toy: Toy, tmp_path: Path, interpreter: str) -> None:
    toy.export("hf", tmp_path / "out")
    rows = read("mlcroissant", tmp_path / "out", interpreter)
    for row in rows.values():
        row["label"] = None if row["label"] is None else ["anger", "sadness"][int(row["label"])]
    assert rows == toy.expected()


@pytest.mark.parametrize("interpreter", READERS)
def test_mlcroissant_of_a_table(toy: Toy, tmp_path: Path, interpreter: str) -> None:
    toy.export("croissant", tmp_path / "out")
    assert read("mlcroissant", tmp_path / "out", interpreter) == toy.expected()


@pytest.mark.parametrize("interpreter", READERS)
def test_datasets_reads_the_shards_of_the_pipeline(
    captioned: Callable[..., None], settings: Config, tmp_path: Path, interpreter: str
) -> None:
    captioned(1, 1, per_video=3)
    segments.run(settings, each=each.local(settings.runtime.model_copy(update={"workers": 1})))
    rows = read("datasets", paths.SHARDS.resolve(), interpreter)
    cut = {row["utterance_id"]: row["samples_sha256"] for row in reader.sounds().to_pylist()}
    assert {name: row["samples"] for name, row in rows.items()} == cut
