"""The same ten minutes beside openSMILE's eGeMAPSv02: other features, the same job."""

from __future__ import annotations

from bench import material
from bench.cases.features import MID, SHORT
from bench.method import OURS, Bench, faster
from bench.rows import Agreement, Row
from bench.side import Side

TARGET = 20.0
_PEER = "openSMILE eGeMAPSv02"


def measure(bench: Bench) -> list[Row]:
    """Compare what a second of the same sound costs, on one core."""
    duration_s = bench.size(600, 20)
    rate_hz, sound = material.RATE_HZ, str(material.speech(bench, duration_s))
    short = round(SHORT * rate_hz)
    given = {"window": short, "step": short, "mid_frames": round(MID / SHORT)}
    pairs = bench.alternate(
        Side(OURS, "bench.cases.features:ours", {"sound": sound, "rate_hz": rate_hz, **given}),
        Side(_PEER, "bench.peers.features:egemaps", {"sound": sound, "rate_hz": rate_hz}, home="peers"),
    )
    shape = pairs.theirs[-1].told
    agreement = Agreement(shape[-1] == 88, f"{len(pairs.ours[-1].told)} features against {shape[-1]}: other ones")
    what = f"a second of real speech: our features against eGeMAPSv02 functionals, {duration_s:g} s of it, 1 core"
    return [faster("opensmile", what, pairs, peer=_PEER, target=TARGET, agreement=agreement)]
