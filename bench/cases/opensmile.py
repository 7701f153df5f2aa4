"""Features of ten minutes of speech, compared with openSMILE's eGeMAPSv02, a different feature set."""

from __future__ import annotations

from bench import real_data
from bench.cases.features import MID, SHORT
from bench.measurements import Measurement, OutputComparison
from bench.runner import OURS, Bench, speedup
from bench.side import RunSpec

TARGET = 20.0
_PEER = "openSMILE eGeMAPSv02"


def measure(bench: Bench) -> list[Measurement]:
    """Compare the time per second of the same sound, on one core."""
    duration_s = bench.size(600, 20)
    rate_hz, sound = real_data.RATE_HZ, str(real_data.speech(bench, duration_s))
    short = round(SHORT * rate_hz)
    windows = {"window": short, "step": short, "mid_frames": round(MID / SHORT)}
    pairs = bench.alternate(
        RunSpec(OURS, "bench.cases.features:ours", {"sound": sound, "rate_hz": rate_hz, **windows}),
        RunSpec(_PEER, "bench.peers.features:egemaps", {"sound": sound, "rate_hz": rate_hz}, environment="peers"),
    )
    shape = pairs.theirs[-1].summary
    agreement = OutputComparison(
        shape[-1] == 88, f"{len(pairs.ours[-1].summary)} features against {shape[-1]}, different sets"
    )
    what = f"a second of real speech: our features against eGeMAPSv02 functionals, {duration_s:g} s of it, 1 core"
    return [speedup("opensmile", what, pairs, peer=_PEER, target=TARGET, agreement=agreement)]
