"""The crawl of interviews on several hosts with latency, compared with yt-dlp's command in a loop on the same sites."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from functools import partial
from pathlib import Path

from bench import crawled_projects, hosts
from bench.cases.weak_path import N_CORES, UNDERTONE_RUN
from bench.commands import PYTHON
from bench.hosts import HostedInterview, Hosts
from bench.measurements import Measurement, OutputComparison
from bench.runner import OURS, Bench, Pairs, speedup
from bench.side import Inputs, RunSpec
from flows.project import workspace
from tasks.core import paths, tables
from tasks.media import decode

N_INTERVIEWS, N_HOSTS, LATENCY_S, TARGET = 50, 10, 0.2, 5.0
_PEER = "yt-dlp's command in a loop"
_YT_DLP = (PYTHON, "-m", "yt_dlp", "--ignore-config", "--quiet", "--no-warnings", "-f", "bestaudio/best")


def measure(bench: Bench) -> list[Measurement]:
    """Compare `undertone run crawl` in a new project with one call of yt-dlp for each interview."""
    n_interviews, n_hosts = bench.size(N_INTERVIEWS, 6), bench.size(N_HOSTS, 3)
    folder = bench.folder / "crawl"
    with hosts.served(folder, n_interviews, n_hosts, LATENCY_S) as sites:
        ours = RunSpec(OURS, "bench.commands:run", partial(_project, sites, folder / "ours"), cores=N_CORES)
        theirs = RunSpec(_PEER, "bench.commands:run", partial(_loop, sites, folder / "theirs"), cores=N_CORES)
        pairs = bench.alternate(ours, theirs)
        agreement = _agreement(sites, pairs)
    what = f"{n_interviews} interviews on {n_hosts} hosts with {1000 * LATENCY_S:.0f} ms latency, {N_CORES} cores"
    note = (
        "whole processes in a new project, digests of the code and DVC's records included; ours also decodes the sound "
        "to FLAC. Latency is the time to the first byte of each response"
    )
    return [speedup("crawl", what, pairs, peer=_PEER, target=TARGET, agreement=agreement, note=note)]


def _project(sites: Hosts, folder: Path) -> Inputs:
    """Create a project that has crawled nothing yet; return the inputs of its run."""
    shutil.rmtree(folder, ignore_errors=True)
    workspace.create(folder)
    sites.write_lists(folder)
    changes = {"allow_addresses": json.dumps(sites.places), "workers": str(N_CORES)}
    crawled_projects.change(folder / paths.PARAMS, changes)
    return {"steps": [[*UNDERTONE_RUN, "crawl"]], "folder": str(folder)}


def _loop(sites: Hosts, folder: Path) -> Inputs:
    """Create an empty folder; return calls that fetch the same sound, and the captions that the crawl prefers."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    steps = [
        [*_YT_DLP, "--write-subs", "--sub-langs", interview.language, "-o", f"{interview.id}.%(ext)s", interview.url]
        for interview in sites.interviews
    ]
    return {"steps": steps, "folder": str(folder)}


def _agreement(sites: Hosts, pairs: Pairs) -> OutputComparison:
    """Compare digests of all captions, and of all sound after decoding, of the last runs."""
    ours, theirs = (Path(runs[-1].inputs["folder"]) for runs in (pairs.ours, pairs.theirs))
    rows = {row["video_id"]: row for row in tables.read(ours / paths.VIDEOS, tables.VIDEOS).to_pylist()}
    n_same = sum(_is_same(rows.get(f"{entry.split}-{entry.id}"), entry, theirs) for entry in sites.interviews)
    n = len(sites.interviews)
    return OutputComparison(n_same == len(rows) == n, f"sound and captions of {n_same} of {n} interviews are identical")


def _is_same(row: dict[str, str] | None, interview: HostedInterview, folder: Path) -> bool:
    if row is None:
        return False
    captions = folder / f"{interview.id}.{interview.language}.{row['caption_format']}"
    (media,) = (path for ending in ("m4a", "webm") if (path := folder / f"{interview.id}.{ending}").exists())
    with tempfile.TemporaryDirectory() as scratch:
        flac = Path(scratch, "sound.flac")
        decode.to_flac(media, flac)
        return (_digest(flac), _digest(captions)) == (row["audio_sha256"], row["captions_sha256"])


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
