"""Decoding what YouTube serves, AAC in MP4 and Opus in WebM, to 16 kHz mono FLAC, beside the program ffmpeg."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from bench import material
from bench.method import OURS, Bench, Pairs, Run, Skipped, faster
from bench.rows import Agreement, Row
from bench.side import Ready, Side

SOURCES = {"m4a": ("2.m4a", "3.m4a"), "webm": ("1.webm",)}
TARGET, LEAST_DB = 1.0, 40.0
_FFMPEG_OPTIONS = ("-ac", "1", "-ar", "16000", "-sample_fmt", "s16", "-c:a", "flac")
_RATE_HZ = 16_000


def measure(bench: Bench) -> list[Row]:
    """Compare each container, and both together, on one core."""
    program, found = ffmpeg(), list[Pairs]()
    rows = []
    for container, names in SOURCES.items():
        sources = [str(material.real_data() / "interviews" / name) for name in names[: bench.size(len(names), 1)]]
        pairs = _pairs(bench, program, sources)
        found.append(pairs)
        rows.append(_row(f"decode {container}", f"{container} to FLAC, 1 core", pairs, _agreement(pairs)))
    both = Pairs(_together([pairs.ours for pairs in found]), _together([pairs.theirs for pairs in found]))
    agreement = Agreement(all(row.agreement.holds for row in rows if row.agreement), "as above")
    return [*rows, _row("decode both", "the same files of both containers together", both, agreement)]


def ffmpeg() -> str:
    """Return where ffmpeg is.

    Raises:
        Skipped: if it is not there
    """
    if (program := shutil.which("ffmpeg")) is None:
        raise Skipped("there is no program ffmpeg; on Debian: apt-get install ffmpeg")
    return program


def ours(sources: list[str], folder: str) -> Ready:
    """Our side: the function that the stage crawl calls."""
    from tasks.media.decode import to_flac

    jobs = [(Path(source), _target(source, folder)) for source in sources]

    def work() -> list[float]:
        return [to_flac(source, target) for source, target in jobs]

    return Ready(timed=work, warm_up=work)


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
        Side(OURS, "bench.cases.decode:ours", {"sources": sources, "folder": mine}),
        Side("ffmpeg", "bench.commands:run", {"steps": steps, "folder": others, "warm_up": steps}),
    )


def _target(source: str, folder: str) -> Path:
    return Path(folder) / f"{Path(source).name}.flac"


def _row(name: str, what: str, pairs: Pairs, agreement: Agreement) -> Row:
    note = "ours without imports; ffmpeg as a whole process, as one would call it"
    return faster(name, what, pairs, peer="ffmpeg", target=TARGET, agreement=agreement, note=note)


def _together(parts: list[tuple[Run, ...]]) -> tuple[Run, ...]:
    """Return runs that did what several runs did one after the other."""
    return tuple(
        Run(runs[0].given, sum(run.seconds for run in runs), max(run.peak_bytes for run in runs), None)
        for runs in zip(*parts, strict=True)
    )


def _agreement(pairs: Pairs) -> Agreement:
    import soundfile

    given = pairs.ours[-1].given
    differences = []
    for source in given["sources"]:
        mine, theirs = (
            soundfile.read(_target(source, folder), dtype="int16")[0].astype(np.float64)
            for folder in (given["folder"], pairs.theirs[-1].given["folder"])
        )
        differences.append((mine.size - theirs.size, _above_difference_db(mine, theirs)))
    least_db = min(above_db for _, above_db in differences)
    longest_ms = max(abs(n) for n, _ in differences) / _RATE_HZ * 1000
    text = f"differ by {least_db:.0f} dB less than the sound (at least {LEAST_DB:.0f}), lengths by {longest_ms:.0f} ms"
    return Agreement(least_db >= LEAST_DB, text)


def _above_difference_db(mine: Any, theirs: Any) -> float:
    """Return how far the difference of two sounds lies below them, in dB; they start at the same time."""
    n = min(mine.size, theirs.size)
    difference = float(np.mean((mine[:n] - theirs[:n]) ** 2))
    return 10 * float(np.log10(np.mean(theirs[:n] ** 2) / max(difference, 1e-12)))
