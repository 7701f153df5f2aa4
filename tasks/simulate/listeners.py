"""Ratings of three simulated listeners on the test interviews, for trying out the evaluation."""

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
"""Number of the random stream; interviews use their own numbers."""
_AGREE = 0.85
"""Probability that a listener perceives the intended sentiment."""


def write_listeners(settings: Simulate, path: Path) -> None:
    """Write ratings of three simulated listeners on every sentence of the test interviews.

    The CSV has the columns `Id` (as in the test list), `start_s`, `end_s`, one per listener, and `text`. A listener
    perceives the intended sentiment in 85 % of the cases, and one of the other two otherwise.

    Args:
        settings: of the sample
        path: the CSV file
    """
    rng = np.random.default_rng([settings.seed, _STREAM])
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(("Id", "start_s", "end_s", *LISTENERS, "text"))
    for interview in interviews.plan(settings):
        if interview.split == "test":
            for line in sound.record(interview, settings.noise_db).utterances:
                if line.intent:
                    ratings = [_perceived(line.intent, rng) for _ in LISTENERS]
                    writer.writerow((interview.id, f"{line.start_s:.3f}", f"{line.end_s:.3f}", *ratings, line.text))
    tables.write_text(path, sink.getvalue())


def _perceived(intent: str, rng: np.random.Generator) -> str:
    if rng.random() < _AGREE:
        return intent
    return str(rng.choice([sentiment for sentiment in interviews.SENTIMENTS if sentiment != intent]))
