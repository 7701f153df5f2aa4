"""A new project of recordings on disk, through the commands that its user types."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tasks.core import paths, tables

CAPTIONS = "WEBVTT\n\n00:00.000 --> 00:02.500\nThe {} was wonderful and everyone loved it.\n"


def undertone(folder: Path, *arguments: str) -> str:
    """Run a command in a process of its own: DVC logs to the terminal it was started on."""
    command = [str(Path(sys.executable).with_name("undertone")), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_recordings_are_crawled_in_a_new_project(tmp_path: Path, wav: Callable[..., Path]) -> None:
    media = tmp_path / "recordings"
    media.mkdir()
    for number, name in enumerate(("Über uns [x1].wav", "Second talk.wav")):
        wav(3.0 + number).rename(media / name)
        (media / name).with_suffix(".en.vtt").write_text(CAPTIONS.format(name))
    (media / "no captions.wav").write_bytes(b"")
    undertone(tmp_path, "new", "mine", "--media", str(media))
    project = tmp_path / "mine"
    assert "2 interviews fetched, 1 rejected" in undertone(project, "crawl")
    rows = tables.read(project / paths.VIDEOS, tables.VIDEOS).to_pylist()
    assert {row["title"]: row["duration_s"] for row in rows} == {"Über uns [x1]": 3.0, "Second talk": 4.0}
    assert "crawl: current" in undertone(project, "run", "captions")
