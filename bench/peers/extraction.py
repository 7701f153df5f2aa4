"""Features of many files by audinterface and by nkululeko."""

from __future__ import annotations

from configparser import ConfigParser
from typing import Any

import numpy as np

from bench.side import Prepared

N_FEATURES = 136
_SHORT, _MID = 0.05, 1.0
"""Windows and steps in seconds."""


def mid_term(signal: Any, sampling_rate: int) -> Any:
    """Return pyAudioAnalysis's mid-term features, averaged over a file, shape (136,).

    Args:
        signal: as audinterface passes it, full scale 1, shape (1, n_samples)
        sampling_rate: in Hz
    """
    from pyAudioAnalysis import MidTermFeatures

    short, mid = round(_SHORT * sampling_rate), round(_MID * sampling_rate)
    samples = np.round(signal[0] * 32_768).astype(np.int16)
    return MidTermFeatures.mid_feature_extraction(samples, sampling_rate, mid, mid, short, short)[0].mean(axis=1)


def audinterface(files: list[str], n_workers: int, values: str) -> Prepared:
    """Prepare `audinterface.Feature` with pyAudioAnalysis's function, and its process pool.

    Args:
        files: audio files
        n_workers: number of processes
        values: .npy file to write, shape (n_files, 136)
    """
    import audinterface
    from pyAudioAnalysis import MidTermFeatures  # noqa: F401

    interface = audinterface.Feature(
        [f"feature_{number}" for number in range(N_FEATURES)],
        process_func=mid_term,
        num_workers=n_workers,
        multiprocessing=n_workers > 1,
    )

    def work() -> Any:
        table = interface.process_files(files)
        np.save(values, table.to_numpy(dtype=np.float64))
        return table

    return Prepared(work, lambda: interface.process_files(files[:1]), lambda table: list(table.shape))


def nkululeko(files: list[str], n_workers: int, folder: str) -> Prepared:
    """Prepare nkululeko's extraction of openSMILE's ComParE 2016, which it stores in its folder.

    Args:
        files: audio files
        n_workers: `n_jobs` of its configuration
        folder: of the experiment
    """
    import pandas as pd
    from nkululeko.experiment_context import ExperimentContext, set_context
    from nkululeko.feat_extract.feats_opensmile import Opensmileset

    config = ConfigParser()
    config.read_dict(
        {
            "EXP": {"root": folder, "name": "extraction"},
            "DATA": {"databases": "[]", "target": "emotion"},
            "FEATS": {"set": "ComParE_2016", "needs_feature_extraction": "True", "no_reuse": "True"},
            "MODEL": {"n_jobs": str(n_workers)},
        }
    )
    set_context(ExperimentContext(config=config))

    def extracted(paths: list[str]) -> Any:
        return Opensmileset("compare", pd.DataFrame({"file": paths}).set_index("file"), "os").extract()

    return Prepared(lambda: extracted(files), lambda: extracted(files[:1]), lambda table: list(table.shape))
