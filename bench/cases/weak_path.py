"""The weak path after the crawl, cold, beside a plain script of the libraries its source names."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bench import crawled
from bench.cases.decode import ffmpeg
from bench.commands import PYTHON
from bench.method import OURS, Bench, Pairs, faster, peers_python
from bench.rows import Agreement, Row
from bench.side import Given, Side
from tasks.__main__ import STAGES
from tasks.core import paths, tables

N_INTERVIEWS, TARGET, N_CORES = 200, 15.0, 2
DOOR = (str(Path(PYTHON).with_name("undertone")), "run")
AFTER_CRAWL = STAGES[1:]
_PEER = "plain script: pysrt, VADER, TextBlob, ffmpeg, pyAudioAnalysis, SVC"
_COLUMNS = ("Id", "URL", "Title", "Audio", "Captions", "Polarity", "Pickle")


def measure(bench: Bench) -> list[Row]:
    """Compare `undertone run`, and the bare stages, with the script; every run starts from the crawled files alone."""
    ffmpeg()
    n_interviews = bench.size(N_INTERVIEWS, 12)
    whole = crawled.store(bench.folder, n_interviews, tell=bench.tell)
    door, plain, bare = bench.in_turn(
        _ours(bench, whole, "door", [DOOR]),
        Side(_PEER, "bench.commands:run", partial(_plain, whole, bench.folder / "weak-path" / "plain"), cores=N_CORES),
        _ours(bench, whole, "stages", stages(AFTER_CRAWL)),
    )
    what = f"{n_interviews} interviews, captions to report, cold, {N_CORES} cores"
    return [
        _row("weak-path", f"{what}: `undertone run`", Pairs(door, plain)),
        _row("weak-path stages", f"{what}: the stages alone", Pairs(bare, plain)),
    ]


def stages(names: Sequence[str]) -> list[Sequence[str]]:
    """Return the commands of some stages."""
    return [[PYTHON, "-m", "tasks", name] for name in names]


def cold(whole: Path, folder: Path, ids: Sequence[str], steps: Sequence[Sequence[str]]) -> Given:
    """Return steps in a fresh project with a store's interviews, of which nothing is computed yet."""
    crawled.project(whole, folder, ids, workers=str(N_CORES))
    return {"steps": [list(step) for step in steps], "folder": str(folder)}


def all_ids(whole: Path) -> list[str]:
    """Return the ids of a store's interviews."""
    rows = tables.read(whole / paths.VIDEOS, tables.VIDEOS).to_pylist()
    return [row["video_id"].partition("-")[2] for row in rows]


def _ours(bench: Bench, whole: Path, name: str, steps: Sequence[Sequence[str]]) -> Side:
    folder = bench.folder / "weak-path" / name
    return Side(OURS, "bench.commands:run", partial(cold, whole, folder, all_ids(whole), steps), cores=N_CORES)


def _row(name: str, what: str, pairs: Pairs) -> Row:
    return faster(name, what, pairs, peer=_PEER, target=TARGET, agreement=_agreement(pairs))


def _plain(whole: Path, folder: Path) -> Given:
    """Return the script in an empty folder, with lists of the same files in the source's own format."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    media = (whole / paths.MEDIA).resolve()
    videos = tables.read(whole / paths.VIDEOS, tables.VIDEOS).to_pylist()
    for split in tables.SPLITS:
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            for row in (row for row in videos if row["split"] == split):
                writer.writerow(
                    [row["video_id"], row["url"], row["title"], media / row["audio"], media / row["captions"], "", ""]
                )
    script = Path(__file__).parent.parent / "plain_weak_path.py"
    step = [str(peers_python()), str(script), "train.csv", "test.csv", "out"]
    return {"steps": [step], "folder": str(folder)}


def _agreement(pairs: Pairs) -> Agreement:
    """Both went the whole way. Their segments differ: the third voter, and rolling captions read as they stand."""
    folders = [Path(runs[-1].given["folder"]) for runs in (pairs.ours, pairs.theirs)]
    mine = json.loads((folders[0] / paths.METRICS).read_text(encoding="utf-8"))
    theirs = json.loads((folders[1] / "out" / "result.json").read_text(encoding="utf-8"))
    scores = (mine["test"]["classifier"]["macro_f1"]["value"], theirs["macro_f1"])
    sizes = (mine["protocol"]["n_train_utterances"], theirs["n_train"])
    return Agreement(
        True,
        f"macro F1 on test videos {scores[0]:.2f} against {scores[1]:.2f}, learned from {sizes[0]:,} and {sizes[1]:,} "
        "segments: other voters, and rolling captions read as they stand",
    )
