"""Short-term and mid-term features of ten minutes of real speech, compared with pyAudioAnalysis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import real_data
from bench.measurements import Measurement, OutputComparison
from bench.runner import OURS, Bench, speedup
from bench.side import Prepared, RunSpec

SHORT, MID = 0.05, 1.0
"""Windows and steps in seconds."""
TARGET, MOST_DIFFERENCE = 25.0, 1e-4
_PEER = "pyAudioAnalysis"
_WARM_UP_S = 10


def measure(bench: Bench) -> list[Measurement]:
    """Compare the 136 mid-term features of the same samples, on one core."""
    duration_s = bench.size(600, 20)
    rate_hz, sound = real_data.RATE_HZ, str(real_data.speech(bench, duration_s))
    short, mid = round(SHORT * rate_hz), round(MID * rate_hz)
    inputs = {"sound": sound, "rate_hz": rate_hz, "window": short, "step": short}
    peer_inputs = {**inputs, "mid_window": mid, "mid_step": mid}
    pairs = bench.alternate(
        RunSpec(OURS, "bench.cases.features:ours", {**inputs, "mid_frames": mid // short}),
        RunSpec(_PEER, "bench.peers.features:pyaudioanalysis", peer_inputs, environment="peers"),
    )
    difference = largest_difference(np.array(pairs.ours[-1].summary), np.array(pairs.theirs[-1].summary))
    agreement = OutputComparison(
        difference <= MOST_DIFFERENCE,
        f"largest difference {difference:.1e} of a feature's standard deviation (at most {MOST_DIFFERENCE:.0e})",
    )
    what = f"136 mid-term features of {duration_s} s of real speech, 1 core"
    return [speedup("features", what, pairs, peer=_PEER, target=TARGET, agreement=agreement)]


def ours(*, sound: str, rate_hz: int, window: int, step: int, mid_frames: int) -> Prepared:
    """Prepare our side: samples to mid-term statistics.

    Args:
        sound: .npy file of mono samples, int16, shape (n_samples,)
        rate_hz: sampling rate in Hz
        window: short-term window in samples
        step: short-term step in samples
        mid_frames: mid-term window and step in frames
    """
    from tasks.features.mid_term.mid_term import statistics
    from tasks.features.mid_term.short_term import short_term

    signal = np.load(sound)

    def extract(samples: NDArray[np.int16]) -> Any:
        return statistics(short_term(samples, rate_hz, window, step), mid_frames, mid_frames)

    return Prepared(
        timed=lambda: extract(signal),
        warm_up=lambda: extract(signal[: _WARM_UP_S * rate_hz]),
        summary=lambda output: output.tolist(),
    )


def largest_difference(mine: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    """Return the largest difference of two feature tables in standard deviations of their feature.

    Args:
        mine: our features, shape (n_features, n_windows)
        theirs: features of the peer, same shape; other shapes give infinity
    """
    if mine.shape != theirs.shape:
        return float("inf")
    spread = theirs.std(axis=1, keepdims=True)
    return float((np.abs(mine - theirs) / np.where(spread > 0, spread, 1.0)).max())
