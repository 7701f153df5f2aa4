"""Features of a corpus's clips, from the files to the table, beside openSMILE's ComParE 2016 with its own pool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench import material
from bench.method import OURS, Bench, faster
from bench.rows import Agreement, Row
from bench.side import Ready, Side

TARGET, N_CORES = 10.0, 2
_PEER = "openSMILE ComParE 2016"
_CHUNK = 16


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

    from tasks import workers
    from tasks.features.mid_term import NAMES

    def work() -> Any:
        with workers.pool(n_workers) as pool:
            vectors = list(pool.map(features, files, chunksize=_CHUNK))
        columns = [list(column) for column in zip(*vectors, strict=True)]
        made = pa.table({"file": files, **dict(zip(NAMES, columns, strict=True))})
        pq.write_table(made, table)
        return made

    return Ready(timed=work, told=lambda made: [made.num_rows, made.num_columns - 1])


def features(file: str) -> list[float]:
    """Return the mid-term features of one clip."""
    import soundfile

    from tasks.features.mid_term import Windows, mid_term

    signal, rate_hz = soundfile.read(Path(file), dtype="int16")
    # the few stereo clips of the corpus say the same on both sides
    mono = signal if signal.ndim == 1 else signal[:, 0]
    return [float(value) for value in mid_term(mono, rate_hz, Windows())]
