"""100,000 captions to labels, including process start, compared with a plain script that calls the three voters."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from bench import real_data
from bench.commands import PYTHON
from bench.crawled_projects import change
from bench.measurements import Measurement, OutputComparison
from bench.runner import OURS, Bench, Pairs, peers_python, speedup
from bench.side import Inputs, RunSpec
from flows.project import workspace
from tasks.core import paths, tables
from tasks.labelling.votes import eligibility

TARGETS = {1: 3.0, 2: 5.0}
"""Number of our cores → target; the script uses one core."""
_PEER = "VADER, TextBlob, AFINN one by one"
_PER_VIDEO = 100
_CAPTION_S = 3.0
_UNFIT = (eligibility.TOO_SHORT, eligibility.TOO_LONG, eligibility.TOO_FEW)


def measure(bench: Bench) -> list[Measurement]:
    """Compare the stage polarity on one and on two cores with the script on one core."""
    texts = real_data.captions(bench.size(100_000, 2_000))
    folder = bench.folder / "captions"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "captions.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    project = _project(folder / "project", texts)
    on_1_core, theirs, on_2_cores = bench.run_in_turn(_ours(project, 1), _script(folder), _ours(project, 2))
    agreement = _agreement(project)
    return [
        _row(Pairs(mine, theirs), n_cores, agreement, len(texts)) for n_cores, mine in ((1, on_1_core), (2, on_2_cores))
    ]


def _ours(project: Path, n_cores: int) -> RunSpec:
    return RunSpec(OURS, "bench.commands:run", partial(_cold, project, n_cores), cores=n_cores)


def _script(folder: Path) -> RunSpec:
    script = Path(__file__).parent.parent / "peers" / "voters.py"
    step = [str(peers_python()), str(script), "captions.txt", "labels.txt"]
    return RunSpec(_PEER, "bench.commands:run", {"steps": [step], "folder": str(folder)})


def _row(pairs: Pairs, n_cores: int, agreement: OutputComparison, n_captions: int) -> Measurement:
    cores = "1 core" if n_cores == 1 else f"{n_cores} cores against 1"
    what = f"{n_captions:,} captions to labels, process start included, {cores}"
    return speedup(f"captions {n_cores}", what, pairs, peer=_PEER, target=TARGETS[n_cores], agreement=agreement)


def _cold(project: Path, n_cores: int) -> Inputs:
    """Delete earlier votes and cached results, so that each run starts cold."""
    for name in (paths.STATE, paths.POLARITY):
        shutil.rmtree(project / name, ignore_errors=True)
    change(project / paths.PARAMS, {"workers": str(n_cores)})
    return {"steps": [[PYTHON, "-m", "tasks", "polarity"]], "folder": str(project)}


def _project(folder: Path, texts: Sequence[str]) -> Path:
    workspace.create(folder)
    rows = [
        {
            "utterance_id": f"weak/{k // _PER_VIDEO:05d}/{k % _PER_VIDEO:04d}",
            "corpus": "weak",
            "group": f"{k // _PER_VIDEO:05d}",
            "split": "train",
            "start_s": k % _PER_VIDEO * _CAPTION_S,
            "end_s": (k % _PER_VIDEO + 1) * _CAPTION_S,
            "text": text,
        }
        for k, text in enumerate(texts)
    ]
    tables.write(tables.from_rows(rows, tables.UTTERANCES), folder / paths.UTTERANCES, tables.UTTERANCES)
    return folder


def _agreement(project: Path) -> OutputComparison:
    """Compare the labels of captions that our stage accepts; the script has no limits on duration and words."""
    votes = pq.read_table(project / paths.VOTES).sort_by("utterance_id").select(["sentiment", "left_out"]).to_pylist()
    theirs = (project.parent / "labels.txt").read_text(encoding="utf-8").splitlines()
    fit = [
        (row["sentiment"] or "", label)
        for row, label in zip(votes, theirs, strict=True)
        if row["left_out"] not in _UNFIT
    ]
    n_other = sum(mine != other for mine, other in fit)
    return OutputComparison(
        n_other == 0, f"{n_other:,} of {len(fit):,} labels differ (captions long enough to be labelled)"
    )
