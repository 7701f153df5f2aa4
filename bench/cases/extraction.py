"""Features of all clips of a corpus, compared with programs that extract features of corpora.

audinterface applies a function of the user's to files; it is given pyAudioAnalysis's, so that both sides have the same
values. nkululeko extracts its feature sets before it trains; its largest set is openSMILE's ComParE 2016.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench import real_data
from bench.cases.features import MOST_DIFFERENCE, largest_difference
from bench.cases.ravdess import N_CORES
from bench.measurements import Measurement, OutputComparison
from bench.runner import OURS, Bench, Pairs, speedup
from bench.side import RunSpec

AUDINTERFACE, NKULULEKO = "audinterface with pyAudioAnalysis", "nkululeko with ComParE 2016"
_LONGEST_LIST = 540


def measure(bench: Bench) -> list[Measurement]:
    """Compare on half of the clips of RAVDESS, on two cores."""
    clips = sorted(str(path) for path in (real_data.folder() / "ravdess").rglob("*.flac"))
    files = clips[:: max(1, len(clips) // _LONGEST_LIST)][: bench.size(_LONGEST_LIST, 24)]
    inputs = {"files": files, "n_workers": N_CORES}
    table, values = bench.folder / "extraction.parquet", bench.folder / "extraction.npy"
    mid_term, functionals, by_audinterface, by_nkululeko = bench.run_in_turn(
        *(
            RunSpec(OURS, "bench.cases.ravdess:ours", {**inputs, "kind": kind, "table": path}, cores=N_CORES)
            for kind, path in (("mid-term", str(table)), ("functionals", str(table.with_suffix(".functionals"))))
        ),
        RunSpec(
            AUDINTERFACE, "bench.peers.extraction:audinterface", {**inputs, "values": str(values)}, cores=N_CORES,
            environment="peers",
        ),
        RunSpec(
            NKULULEKO, "bench.peers.extraction:nkululeko", {**inputs, "folder": str(bench.folder / "nkululeko")},
            cores=N_CORES, environment="peers",
        ),
    )  # fmt: skip
    what = f"{len(files):,} clips of RAVDESS to a table of features, {N_CORES} cores"
    ours, theirs = functionals[-1].summary, by_nkululeko[-1].summary
    different_sets = OutputComparison(
        ours[0] == theirs[0], f"{ours[0]:,} clips both; {ours[1]:,} features against {theirs[1]:,}, different sets"
    )
    return [
        speedup(
            "extraction audinterface", f"136 mid-term features: {what}", Pairs(mid_term, by_audinterface),
            peer=AUDINTERFACE, target=None, agreement=_same_values(table, values),
        ),
        speedup(
            "extraction nkululeko", f"functionals: {what}", Pairs(functionals, by_nkululeko),
            peer=NKULULEKO, target=None, agreement=different_sets,
        ),
    ]  # fmt: skip


def _same_values(table: Path, values: Path) -> OutputComparison:
    import pyarrow.parquet as pq

    columns = pq.read_table(table).drop_columns("file").columns
    difference = largest_difference(np.array([column.to_numpy() for column in columns]), np.load(values).T)
    return OutputComparison(
        difference <= MOST_DIFFERENCE,
        f"largest difference {difference:.1e} of a feature's standard deviation (at most {MOST_DIFFERENCE:.0e})",
    )
