"""Features of one sound by pyAudioAnalysis and by openSMILE."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.side import Ready

_WARM_UP_S = 10


def pyaudioanalysis(*, sound: str, rate_hz: int, window: int, step: int, mid_window: int, mid_step: int) -> Ready:
    """Mid-term features, shape (136, n_mid); windows and steps in samples."""
    from pyAudioAnalysis import MidTermFeatures

    signal = np.load(sound)

    def extract(samples: Any) -> Any:
        return MidTermFeatures.mid_feature_extraction(samples, rate_hz, mid_window, mid_step, window, step)[0]

    return Ready(
        timed=lambda: extract(signal),
        warm_up=lambda: extract(signal[: _WARM_UP_S * rate_hz]),
        told=lambda made: np.asarray(made).tolist(),
    )


def egemaps(sound: str, rate_hz: int) -> Ready:
    """The 88 functionals of eGeMAPSv02 over the whole sound."""
    import opensmile

    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    signal = np.load(sound).astype(np.float32) / 32_768

    return Ready(
        timed=lambda: smile.process_signal(signal, rate_hz),
        warm_up=lambda: smile.process_signal(signal[: _WARM_UP_S * rate_hz], rate_hz),
        told=lambda made: list(made.shape),
    )


def compare(files: list[str], n_workers: int) -> Ready:
    """The 6,373 functionals of ComParE 2016 of many files, by openSMILE's own pool of processes."""
    import opensmile

    smile = opensmile.Smile(
        opensmile.FeatureSet.ComParE_2016,
        opensmile.FeatureLevel.Functionals,
        num_workers=n_workers,
        multiprocessing=n_workers > 1,
    )
    return Ready(
        timed=lambda: smile.process_files(files),
        warm_up=lambda: smile.process_files(files[:1]),
        told=lambda made: list(made.shape),
    )
