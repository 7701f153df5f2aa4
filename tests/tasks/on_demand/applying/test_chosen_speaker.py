"""Utterances of the chosen speaker: by time, by name, and none where nobody speaks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tasks.core.config import Config
from tasks.media.voices.diarisation import Diarisation, VoiceTurn
from tasks.on_demand.applying import chosen_speaker
from tasks.on_demand.applying.utterances import NewUtterance, NewUtterances

# the first voice speaks for 8 s, the second, named Anna, for 3 s; nobody from 11 to 20 s
SPOKEN = Diarisation(
    (VoiceTurn(0.0, 4.0, 0), VoiceTurn(4.0, 7.0, 1), VoiceTurn(7.0, 11.0, 0)), np.eye(2), ("", "anna"), 20.0
)
SPANS = ((0.0, 3.8), (4.1, 7.2), (7.0, 10.0), (12.0, 15.0))
CUT = NewUtterances(
    "captions", tuple(NewUtterance(f"{n:05d}", start_s, end_s, f"text {n}") for n, (start_s, end_s) in enumerate(SPANS))
)


@pytest.mark.parametrize(("speaker", "kept"), [("most", ["00000", "00002"]), ("Anna", ["00001"]), ("Ben", [])])
def test_others_are_rejects(speaker: str, kept: list[str]) -> None:
    cut = chosen_speaker.chosen(CUT, SPOKEN, speaker, "talk")
    assert [utterance.id for utterance in cut.rows] == kept
    reasons = {reject.id: reject.reason for reject in cut.rejects}
    assert reasons.pop("talk#00003") == "unknown speaker"
    assert set(reasons.values()) == {"another speaker"}
    assert len(cut.rows) + len(cut.rejects) == len(SPANS)


@pytest.mark.parametrize(
    ("reader", "speakers", "unit", "needed"),
    [
        ("interviews", "most", "captions", True),
        ("interviews", "most", "windows", True),
        ("interviews", "most", "file", False),
        ("interviews", "all", "captions", False),
        # a corpus of clips has one speaker in each, whatever the settings of interviews are
        ("ravdess", "most", "captions", False),
    ],
)
def test_only_models_trained_on_chosen_speakers(
    reader: str, speakers: str, unit: Any, needed: bool, settings: Config
) -> None:
    chosen = settings.eligibility.model_copy(update={"speakers": speakers})
    model: Any = SimpleNamespace(card=SimpleNamespace(reader=reader))
    cut = NewUtterances(unit, ())
    assert chosen_speaker.is_needed(model, cut, settings.model_copy(update={"eligibility": chosen})) is needed
