"""Features by pyAudioAnalysis and by openSMILE."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.side import Prepared

_WARM_UP_S = 10


def pyaudioanalysis(*, sound: str, rate_hz: int, window: int, step: int, mid_window: int, mid_step: int) -> Prepared:
    """Prepare pyAudioAnalysis's mid-term features, shape (136, n_windows).

    Args:
        sound: .npy file of mono samples, int16, shape (n_samples,)
        rate_hz: sampling rate in Hz
        window: short-term window in samples
        step: short-term step in samples
        mid_window: mid-term window in samples
        mid_step: mid-term step in samples
    """
    from pyAudioAnalysis import MidTermFeatures

    signal = np.load(sound)

    def extract(samples: Any) -> Any:
        return MidTermFeatures.mid_feature_extraction(samples, rate_hz, mid_window, mid_step, window, step)[0]

    return Prepared(
        timed=lambda: extract(signal),
        warm_up=lambda: extract(signal[: _WARM_UP_S * rate_hz]),
        summary=lambda output: np.asarray(output).tolist(),
    )


def egemaps(sound: str, rate_hz: int) -> Prepared:
    """Prepare the 88 functionals of eGeMAPSv02 over a whole sound.

    Args:
        sound: .npy file of mono samples, int16, shape (n_samples,)
        rate_hz: sampling rate in Hz
    """
    import opensmile

    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    signal = np.load(sound).astype(np.float32) / 32_768

    return Prepared(
        timed=lambda: smile.process_signal(signal, rate_hz),
        warm_up=lambda: smile.process_signal(signal[: _WARM_UP_S * rate_hz], rate_hz),
        summary=lambda output: list(output.shape),
    )


def compare(files: list[str], n_workers: int) -> Prepared:
    """Prepare the 6,373 functionals of ComParE 2016 of many files, by openSMILE's process pool.

    Args:
        files: audio files
        n_workers: number of processes
    """
    import opensmile

    smile = opensmile.Smile(
        opensmile.FeatureSet.ComParE_2016,
        opensmile.FeatureLevel.Functionals,
        num_workers=n_workers,
        multiprocessing=n_workers > 1,
    )
    return Prepared(
        timed=lambda: smile.process_files(files),
        warm_up=lambda: smile.process_files(files[:1]),
        summary=lambda output: list(output.shape),
    )
