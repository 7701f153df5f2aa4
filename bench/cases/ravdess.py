"""Features of a corpus's clips, from the files to the table, beside openSMILE's ComParE 2016 with its own pool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import material
from bench.method import OURS, Bench, faster
from bench.rows import Agreement, Row
from bench.side import Ready, Side

TARGET, N_CORES = 10.0, 2
_PEER = "openSMILE ComParE 2016"
_CHUNK = 60


def measure(bench: Bench) -> list[Row]:
    """Compare on the clips of RAVDESS, on two cores."""
    found = sorted(str(path) for path in (material.real_data() / "ravdess").rglob("*.flac"))
    files = found[: bench.size(len(found), 24)]
    table = str(bench.folder / "ravdess.parquet")
    pairs = bench.alternate(
        Side(OURS, "bench.cases.ravdess:ours", {"files": files, "n_workers": N_CORES, "table": table}, cores=N_CORES),
        Side(
            _PEER, "bench.peers.features:compare", {"files": files, "n_workers": N_CORES}, cores=N_CORES, home="peers"
        ),
    )
    mine, theirs = pairs.ours[-1].told, pairs.theirs[-1].told
    agreement = Agreement(
        mine[0] == theirs[0] == len(files),
        f"{mine[0]:,} clips both; {mine[1]} features against {theirs[1]:,}: other ones",
    )
    what = (
        f"{len(files):,} clips of RAVDESS to a table of features, pool of {N_CORES} processes started inside the time"
    )
    return [faster("ravdess", what, pairs, peer=_PEER, target=TARGET, agreement=agreement)]


def ours(files: list[str], n_workers: int, table: str) -> Ready:
    """Our side: a pool of processes, the 136 mid-term features of each clip, a Parquet table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from tasks.core import workers
    from tasks.features.mid_term.mid_term import NAMES

    def work() -> Any:
        chunks = [files[at : at + _CHUNK] for at in range(0, len(files), _CHUNK)]
        with workers.pool(n_workers) as pool:
            vectors = np.concatenate(list(pool.map(features, chunks)))
        made = pa.table({"file": files, **dict(zip(NAMES, vectors.T, strict=True))})
        pq.write_table(made, table)
        return made

    return Ready(timed=work, told=lambda made: [made.num_rows, made.num_columns - 1])


def features(files: list[str]) -> NDArray[np.float64]:
    """Return the mid-term features of some clips, shape (n_clips, 136)."""
    import soundfile

    from tasks.features.mid_term.mid_term import AnalysisWindows, mid_terms

    sounds = [soundfile.read(Path(file), dtype="int16") for file in files]
    (rate_hz,) = {one_hz for _, one_hz in sounds}
    # the few stereo clips of the corpus say the same on both sides
    mono = [signal if signal.ndim == 1 else signal[:, 0] for signal, _ in sounds]
    return np.array(mid_terms(mono, rate_hz, AnalysisWindows()))
