"""Features of all clips of a corpus, from files to a table, compared with openSMILE's ComParE 2016 and its pool."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.side import Prepared, RunSpec

if TYPE_CHECKING:
    from bench.measurements import Measurement
    from bench.runner import Bench

TARGET, N_CORES = 10.0, 2
_PEER = "openSMILE ComParE 2016"
_CHUNK = 30
Kind = Literal["mid-term", "functionals"]


def measure(bench: Bench) -> list[Measurement]:
    """Compare two feature sets on the clips of RAVDESS, on two cores."""
    # not at the top: worker processes import this module, inside the time
    from bench import real_data
    from bench.runner import OURS, Pairs

    clips = sorted(str(path) for path in (real_data.folder() / "ravdess").rglob("*.flac"))
    files = clips[: bench.size(len(clips), 24)]
    inputs = {"files": files, "n_workers": N_CORES}
    table = str(bench.folder / "ravdess.parquet")
    mid_term, functionals, theirs = bench.run_in_turn(
        *(
            RunSpec(OURS, "bench.cases.ravdess:ours", {**inputs, "kind": kind, "table": table}, cores=N_CORES)
            for kind in ("mid-term", "functionals")
        ),
        RunSpec(_PEER, "bench.peers.features:compare", inputs, cores=N_CORES, environment="peers"),
    )
    pool = f"pool of {N_CORES} processes started inside the time"
    rows = (("ravdess", Pairs(mid_term, theirs)), ("ravdess functionals", Pairs(functionals, theirs)))
    return [
        _row(name, f"{len(files):,} clips of RAVDESS to a table of features, {pool}", pairs) for name, pairs in rows
    ]


def _row(name: str, what: str, pairs: Any) -> Measurement:
    from bench.measurements import OutputComparison
    from bench.runner import speedup

    mine, theirs = pairs.ours[-1].summary, pairs.theirs[-1].summary
    agreement = OutputComparison(
        mine[0] == theirs[0], f"{mine[0]:,} clips both; {mine[1]:,} features against {theirs[1]:,}, different sets"
    )
    return speedup(name, what, pairs, peer=_PEER, target=TARGET, agreement=agreement)


def ours(files: list[str], n_workers: int, kind: Kind, table: str) -> Prepared:
    """Prepare our side: the features of each clip, computed by a process pool, as a Parquet table.

    Args:
        files: audio files
        n_workers: number of processes
        kind: 136 mid-term features, or 2,593 functionals
        table: Parquet file to write
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from tasks.core import workers
    from tasks.features.mid_term import mid_term
    from tasks.features.sound import functionals

    names = mid_term.NAMES if kind == "mid-term" else functionals.NAMES

    def written(files: list[str], vectors: NDArray[np.float64]) -> Any:
        output = pa.table({"file": files, **dict(zip(names, vectors.T, strict=True))})
        pq.write_table(output, table)
        return output

    def work() -> Any:
        chunks = [files[at : at + _CHUNK] for at in range(0, len(files), _CHUNK)]
        with workers.pool(n_workers) as pool:
            vectors = np.concatenate(list(pool.map(partial(features, kind), chunks)))
        return written(files, vectors)

    return Prepared(
        timed=work,
        warm_up=lambda: written(files[:1], features(kind, files[:1])),
        summary=lambda output: [output.num_rows, output.num_columns - 1],
    )


def features(kind: Kind, files: list[str]) -> NDArray[np.float64]:
    """Return the features of clips, shape (n_clips, n_features).

    Args:
        kind: 136 mid-term features, or 2,593 functionals
        files: audio files of equal sampling rate
    """
    import soundfile
    from threadpoolctl import threadpool_limits

    sounds = [soundfile.read(Path(file), dtype="int16") for file in files]
    (rate_hz,) = {clip_rate_hz for _, clip_rate_hz in sounds}
    # the few stereo clips of the corpus have identical channels
    mono = [signal if signal.ndim == 1 else signal[:, 0] for signal, _ in sounds]
    # as for all items of a stage: the processes use the cores
    with threadpool_limits(1):
        if kind == "functionals":
            from tasks.features.sound.functionals import functionals_of

            return np.array(functionals_of([(signal, rate_hz) for signal in mono]))
        from tasks.features.mid_term.mid_term import AnalysisWindows, mid_terms

        return np.array(mid_terms(mono, rate_hz, AnalysisWindows()))
