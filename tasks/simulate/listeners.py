"""Simulated listeners: what three people might have voted on the test interviews, for trying out the evaluation."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from tasks.core import tables
from tasks.core.config import Simulate
from tasks.simulate import interviews, sound

LISTENERS = ("Ada", "Bruno", "Chen")

_STREAM = 2_000_000
"""A stream of random numbers beside those of the interviews."""
_AGREE = 0.85
"""How often a listener hears the sentiment that the speaker means."""


def write_listeners(settings: Simulate, path: Path) -> None:
    """Write the votes of three simulated listeners on every sentence of the test interviews.

    The CSV has the columns `Id` (as in the test list), `start_s`, `end_s`, one per listener, and `text`. Each listener
    hears the meant sentiment in 85 % of all cases, else one of the other two.
    """
    rng = np.random.default_rng([settings.seed, _STREAM])
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(("Id", "start_s", "end_s", *LISTENERS, "text"))
    for interview in interviews.plan(settings):
        if interview.split == "test":
            for said in sound.record(interview, settings.noise_db).utterances:
                if said.intent:
                    votes = [_heard(said.intent, rng) for _ in LISTENERS]
                    writer.writerow((interview.id, f"{said.start_s:.3f}", f"{said.end_s:.3f}", *votes, said.text))
    tables.write_text(path, sink.getvalue())


def _heard(intent: str, rng: np.random.Generator) -> str:
    if rng.random() < _AGREE:
        return intent
    return str(rng.choice([sentiment for sentiment in interviews.SENTIMENTS if sentiment != intent]))
