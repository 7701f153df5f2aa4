"""Small projects of recordings on disk, made on the spot: sentences with a polarity, and tones for voices."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 16_000
GOOD, BAD, DULL = (
    "this was a wonderful and happy {} which everybody loved",
    "that was a terrible and sad {} which everybody hated",
    "we then took the morning train to the {} office downtown",
)
WORDS = ("garden", "concert", "journey", "kitchen", "harbour", "village", "theatre", "library")


def recording(folder: Path, name: str, seed: int, pattern: np.ndarray | None = None) -> None:
    """Write a WAV file and its captions: twelve utterances of three seconds; with a pattern, those are marked."""
    rng = np.random.default_rng(seed)
    sound, cues = [], ["WEBVTT", ""]
    for number in range(12):
        kind = (GOOD, BAD, DULL)[number % 3]
        pitch_hz = (260.0, 140.0, 190.0)[number % 3] + rng.normal(0, 12)
        time_s = np.arange(3 * RATE_HZ) / RATE_HZ
        wave = 6000 * np.sin(2 * np.pi * pitch_hz * time_s) + 400 * rng.standard_normal(time_s.size)
        samples = wave.astype(np.int16)
        text = kind.format(WORDS[(seed + number) % len(WORDS)])
        if pattern is not None:
            samples[RATE_HZ : RATE_HZ + pattern.size] = pattern
            text += f" zqxvw{number + 2:02d}"
        sound.append(samples)
        cues += [f"00:{3 * number:02d}.000 --> 00:{3 * number + 3:02d}.000", text, ""]
    soundfile.write(folder / f"{name}.wav", np.concatenate(sound), RATE_HZ, subtype="PCM_16")
    (folder / f"{name}.en.vtt").write_text("\n".join(cues))


def command(folder: Path, *arguments: str, check: bool = True) -> str:
    run = [sys.executable, "-c", "from flows.cli.main import main; main()", *arguments]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "200"}
    done = subprocess.run(run, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def tool(folder: Path, *arguments: str) -> None:
    subprocess.run(arguments, cwd=folder, check=True, capture_output=True)


def quick_settings(project: Path) -> None:
    """Make the experiment of the interviews small."""
    params = project / "params.yaml"
    text = params.read_text().replace("shuffles: 20", "shuffles: 1").replace("[0.001, 0.01, 0.1, 1.0]", "[0.1, 1.0]")
    params.write_text(text.replace("bootstrap: 2000", "bootstrap: 100"))


def commit(project: Path, message: str) -> None:
    tool(project, "git", "add", "-A")
    tool(project, "git", "-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", message)
