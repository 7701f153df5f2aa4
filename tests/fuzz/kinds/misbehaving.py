"""Trials that end or hang their process, for the tests of the fuzzing itself."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

from tests.fuzz.trial import Kind, MakeTrial, Trial, Verdict


def fate(rng: random.Random) -> str:
    """Return what a trial does: it is accepted, ends its process, or hangs."""
    return rng.choices(("accepted", "end", "hang"), (8, 1, 1))[0]


def prepare(_: Path) -> MakeTrial:
    """Return the maker of trials."""

    def make(rng: random.Random) -> Trial:
        chosen = fate(rng)

        def run() -> Verdict:
            if chosen == "end":
                os._exit(139)
            if chosen == "hang":
                time.sleep(60)
            return "accepted"

        return Trial(b"", ".txt", run)

    return make


KIND = Kind("misbehaving", 1, prepare)
