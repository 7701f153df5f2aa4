"""Scored utterances for tests."""

from __future__ import annotations

from tasks.on_demand.applying.scored import ScoredUtterance


def row(start_s: float = 0.0, text: str = "well, that was good", **fields: object) -> ScoredUtterance:
    """Return a scored utterance of three seconds."""
    probabilities = {"negative": 0.125, "neutral": 0.25, "positive": 0.625}
    values = {
        "predicted": "positive", "probability": 0.625, "unsure": False, "probabilities": probabilities,
        "scores": {"negative": 0.5, "neutral": 1.0, "positive": 1.5}, "novelty": 1.25, "outside": False,
    } | fields  # fmt: skip
    return ScoredUtterance(start_s=start_s, end_s=start_s + 3.0, text=text, **values)  # type: ignore[arg-type]


LABELS = row(
    predicted=["anger", "sadness"], probability=None, unsure=None, probabilities={},
    scores={"anger": 0.9, "joy": 0.1, "sadness": 0.6},
)  # fmt: skip
VALUE = row(
    predicted=-1.5,
    probability=None,
    unsure=None,
    probabilities={},
    scores={"valence": -1.5},
    novelty=None,
    outside=None,
)
NOTHING = row(
    predicted="none",
    probability=None,
    unsure=True,
    scores={"anger": 0.2, "joy": 0.3, "none": 0.6},
    probabilities={"anger": 0.4, "joy": 0.6},
)
