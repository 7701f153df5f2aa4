"""Features of all clips of a corpus, from files to a table, compared with openSMILE's ComParE 2016 and its pool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import real_data
from bench.measurements import Measurement, OutputComparison
from bench.runner import OURS, Bench, speedup
from bench.side import Prepared, RunSpec

TARGET, N_CORES = 10.0, 2
_PEER = "openSMILE ComParE 2016"
_CHUNK = 60


def measure(bench: Bench) -> list[Measurement]:
    """Compare on the clips of RAVDESS, on two cores."""
    clips = sorted(str(path) for path in (real_data.folder() / "ravdess").rglob("*.flac"))
    files = clips[: bench.size(len(clips), 24)]
    peer_inputs = {"files": files, "n_workers": N_CORES}
    table = str(bench.folder / "ravdess.parquet")
    pairs = bench.alternate(
        RunSpec(
            OURS, "bench.cases.ravdess:ours", {"files": files, "n_workers": N_CORES, "table": table}, cores=N_CORES
        ),
        RunSpec(_PEER, "bench.peers.features:compare", peer_inputs, cores=N_CORES, environment="peers"),
    )
    mine, theirs = pairs.ours[-1].summary, pairs.theirs[-1].summary
    agreement = OutputComparison(
        mine[0] == theirs[0] == len(files),
        f"{mine[0]:,} clips both; {mine[1]} features against {theirs[1]:,}, different sets",
    )
    what = (
        f"{len(files):,} clips of RAVDESS to a table of features, pool of {N_CORES} processes started inside the time"
    )
    return [speedup("ravdess", what, pairs, peer=_PEER, target=TARGET, agreement=agreement)]


def ours(files: list[str], n_workers: int, table: str) -> Prepared:
    """Prepare our side: the 136 mid-term features of each clip, computed by a process pool, as a Parquet table.

    Args:
        files: audio files
        n_workers: number of processes
        table: Parquet file to write
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from tasks.core import workers
    from tasks.features.mid_term.mid_term import NAMES

    def work() -> Any:
        chunks = [files[at : at + _CHUNK] for at in range(0, len(files), _CHUNK)]
        with workers.pool(n_workers) as pool:
            vectors = np.concatenate(list(pool.map(features, chunks)))
        output = pa.table({"file": files, **dict(zip(NAMES, vectors.T, strict=True))})
        pq.write_table(output, table)
        return output

    return Prepared(timed=work, summary=lambda output: [output.num_rows, output.num_columns - 1])


def features(files: list[str]) -> NDArray[np.float64]:
    """Return the mid-term features of clips, shape (n_clips, 136).

    Args:
        files: audio files of equal sampling rate
    """
    import soundfile

    from tasks.features.mid_term.mid_term import AnalysisWindows, mid_terms

    sounds = [soundfile.read(Path(file), dtype="int16") for file in files]
    (rate_hz,) = {clip_rate_hz for _, clip_rate_hz in sounds}
    # the few stereo clips of the corpus have identical channels
    mono = [signal if signal.ndim == 1 else signal[:, 0] for signal, _ in sounds]
    return np.array(mid_terms(mono, rate_hz, AnalysisWindows()))
