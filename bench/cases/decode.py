"""Decode YouTube's formats (AAC in MP4, Opus in WebM) to 16 kHz mono FLAC, compared with the program ffmpeg."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from bench import real_data
from bench.measurements import Measurement, OutputComparison
from bench.runner import OURS, Bench, Pairs, Skipped, TimedRun, speedup
from bench.side import Prepared, RunSpec

SOURCES = {"m4a": ("2.m4a", "3.m4a"), "webm": ("1.webm",)}
TARGET, LEAST_DB = 1.0, 40.0
_FFMPEG_OPTIONS = ("-ac", "1", "-ar", "16000", "-sample_fmt", "s16", "-c:a", "flac")
_RATE_HZ = 16_000


def measure(bench: Bench) -> list[Measurement]:
    """Compare each container format, and both together, on one core."""
    program, all_pairs = ffmpeg(), list[Pairs]()
    rows = []
    for container, names in SOURCES.items():
        sources = [str(real_data.folder() / "interviews" / name) for name in names[: bench.size(len(names), 1)]]
        pairs = _pairs(bench, program, sources)
        all_pairs.append(pairs)
        rows.append(_row(f"decode {container}", f"{container} to FLAC, 1 core", pairs, _agreement(pairs)))
    both = Pairs(_summed([pairs.ours for pairs in all_pairs]), _summed([pairs.theirs for pairs in all_pairs]))
    agreement = OutputComparison(all(row.agreement.holds for row in rows if row.agreement), "as above")
    return [*rows, _row("decode both", "the same files of both containers together", both, agreement)]


def ffmpeg() -> str:
    """Return the path of ffmpeg.

    Raises:
        Skipped: if it is not installed
    """
    if (program := shutil.which("ffmpeg")) is None:
        raise Skipped("ffmpeg is not installed; on Debian: apt-get install ffmpeg")
    return program


def ours(sources: list[str], folder: str) -> Prepared:
    """Prepare our side: the function used by the stage crawl.

    Args:
        sources: media files
        folder: output folder
    """
    from tasks.media.decode import to_flac

    jobs = [(Path(source), _target(source, folder)) for source in sources]

    def work() -> list[float]:
        return [to_flac(source, target) for source, target in jobs]

    return Prepared(timed=work, warm_up=work)


def _pairs(bench: Bench, program: str, sources: list[str]) -> Pairs:
    places = [bench.folder / "decoded" / name for name in ("ours", "theirs")]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
    mine, others = map(str, places)
    steps = [
        [program, "-nostdin", "-v", "error", "-y", "-i", source, *_FFMPEG_OPTIONS, str(_target(source, others))]
        for source in sources
    ]
    return bench.alternate(
        RunSpec(OURS, "bench.cases.decode:ours", {"sources": sources, "folder": mine}),
        RunSpec("ffmpeg", "bench.commands:run", {"steps": steps, "folder": others, "warm_up": steps}),
    )


def _target(source: str, folder: str) -> Path:
    return Path(folder) / f"{Path(source).name}.flac"


def _row(name: str, what: str, pairs: Pairs, agreement: OutputComparison) -> Measurement:
    note = "our time excludes imports; ffmpeg is timed as a whole process, as it would be called"
    return speedup(name, what, pairs, peer="ffmpeg", target=TARGET, agreement=agreement, note=note)


def _summed(parts: list[tuple[TimedRun, ...]]) -> tuple[TimedRun, ...]:
    """Return runs with the sum of the durations of the parts' runs."""
    return tuple(
        TimedRun(runs[0].inputs, sum(run.seconds for run in runs), max(run.peak_bytes for run in runs), None)
        for runs in zip(*parts, strict=True)
    )


def _agreement(pairs: Pairs) -> OutputComparison:
    import soundfile

    inputs = pairs.ours[-1].inputs
    differences = []
    for source in inputs["sources"]:
        mine, theirs = (
            soundfile.read(_target(source, folder), dtype="int16")[0].astype(np.float64)
            for folder in (inputs["folder"], pairs.theirs[-1].inputs["folder"])
        )
        differences.append((mine.size - theirs.size, _above_difference_db(mine, theirs)))
    least_db = min(above_db for _, above_db in differences)
    longest_ms = max(abs(n) for n, _ in differences) / _RATE_HZ * 1000
    text = f"differ by {least_db:.0f} dB less than the sound (at least {LEAST_DB:.0f}), lengths by {longest_ms:.0f} ms"
    return OutputComparison(least_db >= LEAST_DB, text)


def _above_difference_db(mine: Any, theirs: Any) -> float:
    """Return the level of a sound above that of the difference of both in dB; both start at the same time."""
    n = min(mine.size, theirs.size)
    difference = float(np.mean((mine[:n] - theirs[:n]) ** 2))
    return 10 * float(np.log10(np.mean(theirs[:n] ** 2) / max(difference, 1e-12)))
