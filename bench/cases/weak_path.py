"""The weak path after the crawl from a cold start, compared with a plain script of the libraries its source names."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bench import crawled_projects
from bench.cases.decode import ffmpeg
from bench.commands import PYTHON
from bench.measurements import Measurement, OutputComparison
from bench.runner import OURS, Bench, Pairs, peers_python, speedup
from bench.side import Inputs, RunSpec
from tasks.core import paths, tables

N_INTERVIEWS, TARGET, DVC_TARGET, N_CORES = 200, 15.0, 10.0, 2
UNDERTONE_RUN = (str(Path(PYTHON).with_name("undertone")), "run")
DVC_REPRO = (PYTHON, "-m", "dvc", "repro", "--quiet")
RECIPE = "interviews-source"
_PEER = "plain script: pysrt, VADER, TextBlob, ffmpeg, pyAudioAnalysis, SVC"
_COLUMNS = ("Id", "URL", "Title", "Audio", "Captions", "Polarity", "Pickle")


def measure(bench: Bench) -> list[Measurement]:
    """Compare `undertone run` and `dvc repro` with the script; each run starts from the crawled files only."""
    ffmpeg()
    n_interviews = bench.size(N_INTERVIEWS, 12)
    whole = crawled_projects.store(bench.folder, n_interviews, progress=bench.progress)
    run, plain, repro = bench.run_in_turn(
        _ours(bench, whole, "run", [UNDERTONE_RUN]),
        RunSpec(
            _PEER, "bench.commands:run", partial(_plain, whole, bench.folder / "weak-path" / "plain"), cores=N_CORES
        ),
        _ours(bench, whole, "repro", [DVC_REPRO]),
    )
    what = f"{n_interviews} interviews, captions to report, cold, {N_CORES} cores"
    return [
        _row("weak-path", f"{what}: `undertone run`", Pairs(run, plain), TARGET),
        _row("weak-path dvc", f"{what}: `dvc repro`", Pairs(repro, plain), DVC_TARGET),
    ]


def stages(names: Sequence[str]) -> list[Sequence[str]]:
    """Return the commands of stages.

    Args:
        names: names of the stages, in order
    """
    return [[PYTHON, "-m", "tasks", name] for name in names]


def cold_run(
    whole: Path, folder: Path, ids: Sequence[str], steps: Sequence[Sequence[str]], *, link: bool = False
) -> Inputs:
    """Create a fresh project with crawled interviews and no results; return the inputs of a run in it.

    Args:
        whole: store of crawled interviews
        folder: folder of the project; replaced
        ids: interviews of the project
        steps: commands to run
        link: let DVC's cache and the project share files
    """
    crawled_projects.project(whole, folder, ids, link=link, workers=str(N_CORES))
    return {"steps": [list(step) for step in steps], "folder": str(folder)}


def all_ids(whole: Path) -> list[str]:
    """Return the ids of all interviews in a store.

    Args:
        whole: store of crawled interviews
    """
    rows = tables.read(whole / paths.VIDEOS, tables.VIDEOS).to_pylist()
    return [row["video_id"].partition("-")[2] for row in rows]


def _ours(bench: Bench, whole: Path, name: str, steps: Sequence[Sequence[str]]) -> RunSpec:
    folder = bench.folder / "weak-path" / name
    return RunSpec(OURS, "bench.commands:run", partial(cold_run, whole, folder, all_ids(whole), steps), cores=N_CORES)


def _row(name: str, what: str, pairs: Pairs, target: float) -> Measurement:
    return speedup(name, what, pairs, peer=_PEER, target=target, agreement=_agreement(pairs))


def _plain(whole: Path, folder: Path) -> Inputs:
    """Create an empty folder with lists of the same files in the source's format; return the inputs of the script."""
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


def _agreement(pairs: Pairs) -> OutputComparison:
    """Report both scores; segments differ in the third voter and in the treatment of rolling captions."""
    folders = [Path(runs[-1].inputs["folder"]) for runs in (pairs.ours, pairs.theirs)]
    mine = json.loads((folders[0] / paths.experiment(RECIPE) / "results.json").read_text(encoding="utf-8"))
    theirs = json.loads((folders[1] / "out" / "result.json").read_text(encoding="utf-8"))
    scores = (mine["scores"]["macro_f1"]["value"], theirs["macro_f1"])
    sizes = (mine["folds"][0]["n_train"], theirs["n_train"])
    return OutputComparison(
        True,
        f"macro F1 on test videos {scores[0]:.2f} against {scores[1]:.2f}, trained on {sizes[0]:,} and {sizes[1]:,} "
        "segments: the script has other voters and does not merge rolling captions",
    )
