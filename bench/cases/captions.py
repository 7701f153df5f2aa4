"""Captions to labels, including process start, compared with a plain script that calls the three voters.

100,000 captions by the stage `polarity` alone; and 1,000,000, in files as sites serve them, by both stages.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from bench import real_data
from bench.commands import PYTHON
from bench.crawled_projects import change
from bench.measurements import Bound, Measurement, OutputComparison
from bench.runner import OURS, Bench, Pairs, peers_python, speedup
from bench.side import Inputs, RunSpec
from flows.project import workspace
from tasks.core import paths, tables
from tasks.labelling.votes import eligibility
from tasks.simulate import captions as caption_files
from tasks.simulate.sound import Utterance

TARGETS = {1: 3.0, 2: 5.0}
"""Number of our cores → target; the script uses one core."""
_PEER = "VADER, TextBlob, AFINN one by one"
_PER_VIDEO = 100
_CAPTION_S = 3.0
_MILLION, _PER_FILE, _MILLION_TARGET, _MOST_BYTES = 1_000_000, 500, 6.0, 1.5e9
"""Captions in files, captions of a file, times as fast as the script, memory of the largest process."""
_WRITERS = (
    ("manual", "vtt", caption_files.manual_vtt),
    ("automatic", "vtt", caption_files.automatic_vtt),
    ("manual", "srt", caption_files.manual_srt),
    ("manual", "vtt", caption_files.manual_vtt),
)
"""Kinds of files in turn, as in the sample."""
_UNFIT = (eligibility.TOO_SHORT, eligibility.TOO_LONG, eligibility.TOO_FEW)


def measure(bench: Bench) -> list[Measurement]:
    """Compare the stage polarity on one and on two cores with the script on one core."""
    texts = real_data.captions(bench.size(100_000, 2_000))
    folder = bench.folder / "captions"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "captions.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    project = _project(folder / "project", texts)
    many = _files(folder / "million", real_data.captions(bench.size(_MILLION, 4_000)))
    on_1_core, theirs, on_2_cores, of_files = bench.run_in_turn(
        _ours(project, 1), _script(folder), _ours(project, 2), _ours(many, 2, ("captions", "polarity"))
    )
    agreement = _agreement(project)
    return [
        *(_row(Pairs(m, theirs), n, agreement, len(texts)) for n, m in ((1, on_1_core), (2, on_2_cores))),
        *_rows_of_files(many, Pairs(of_files, theirs), len(texts)),
    ]


def _ours(project: Path, n_cores: int, stages: Sequence[str] = ("polarity",)) -> RunSpec:
    return RunSpec(OURS, "bench.commands:run", partial(_cold, project, n_cores, stages), cores=n_cores)


def _script(folder: Path) -> RunSpec:
    script = Path(__file__).parent.parent / "peers" / "voters.py"
    step = [str(peers_python()), str(script), "captions.txt", "labels.txt"]
    return RunSpec(_PEER, "bench.commands:run", {"steps": [step], "folder": str(folder)})


def _row(pairs: Pairs, n_cores: int, agreement: OutputComparison, n_captions: int) -> Measurement:
    cores = "1 core" if n_cores == 1 else f"{n_cores} cores against 1"
    what = f"{n_captions:,} captions to labels, process start included, {cores}"
    return speedup(f"captions {n_cores}", what, pairs, peer=_PEER, target=TARGETS[n_cores], agreement=agreement)


def _rows_of_files(project: Path, pairs: Pairs, n_by_script: int) -> list[Measurement]:
    """Return time and memory; the script's time is multiplied, since it grows with the captions."""
    texts = pq.read_table(project / paths.UTTERANCES, columns=["text"])["text"]
    times = len(texts) / n_by_script
    what = f"{len(texts):,} captions in files ({len(texts.unique()):,} different) to labels, 2 cores against 1"
    ratios = tuple(ratio * times for ratio in pairs.ratios)
    theirs = tuple(times * run.seconds for run in pairs.theirs)
    ours = tuple(run.seconds for run in pairs.ours)
    note = f"the script labelled {n_by_script:,} captions; its time was multiplied by {times:.3g}"
    return [
        Measurement(
            "captions files",
            what,
            "times faster",
            ratios,
            Bound(_MILLION_TARGET),
            {OURS: ours, _PEER: theirs},
            note=note,
        ),
        Measurement(
            "captions files memory",
            "the same: memory of the largest process",
            "megabytes",
            tuple(run.peak_bytes / 1e6 for run in pairs.ours),
            Bound(_MOST_BYTES / 1e6, "at most"),
        ),
    ]


def _cold(project: Path, n_cores: int, stages: Sequence[str]) -> Inputs:
    """Delete earlier results of stages and cached ones, so that each run starts cold."""
    for name in (paths.STATE, *(paths.folder(stage) for stage in stages)):
        shutil.rmtree(project / name, ignore_errors=True)
    change(project / paths.PARAMS, {"workers": str(n_cores)})
    return {"steps": [[PYTHON, "-m", "tasks", *stages]], "folder": str(project)}


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


def _files(folder: Path, texts: Sequence[str]) -> Path:
    """Return a project with crawled caption files, without sound, which the stages do not read."""
    workspace.create(folder)
    (folder / paths.MEDIA).mkdir(parents=True)
    rows = [
        _file(folder / paths.MEDIA, number, texts[first : first + _PER_FILE])
        for number, first in enumerate(range(0, len(texts), _PER_FILE))
    ]
    tables.write(tables.from_rows(rows, tables.VIDEOS).sort_by("video_id"), folder / paths.VIDEOS, tables.VIDEOS)
    return folder


def _file(media: Path, number: int, texts: Sequence[str]) -> dict[str, object]:
    """Write a caption file; return its row in the table of videos."""
    kind, caption_format, write = _WRITERS[number % len(_WRITERS)]
    content = write(list(_utterances(texts, without_commas=kind == "automatic"))).encode()
    video_id = f"train-{number:05d}"
    name = f"{video_id}.en.{caption_format}"
    (media / name).write_bytes(content)
    return {
        "video_id": video_id, "split": "train", "url": f"http://127.0.0.1/{number}", "language": "en",
        "duration_s": len(texts) * _CAPTION_S, "captions": name, "caption_kind": kind, "caption_format": caption_format,
        "captions_sha256": hashlib.sha256(content).hexdigest(), "audio": f"{video_id}.flac", "audio_sha256": "0" * 64,
    }  # fmt: skip


def _utterances(texts: Sequence[str], *, without_commas: bool) -> Iterator[Utterance]:
    """Yield utterances of equal length; at a comma, long automatic captions would continue in another line."""
    for k, text in enumerate(texts):
        spoken = text.replace(",", " ") if without_commas else text
        start_s, n_words = k * _CAPTION_S, len(spoken.split())
        words_s = tuple(start_s + _CAPTION_S * place / n_words for place in range(n_words))
        yield Utterance(spoken, None, start_s, start_s + _CAPTION_S, words_s)


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
