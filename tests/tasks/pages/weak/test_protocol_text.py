"""Tests of the protocol in words, which follows the settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tasks.core import config
from tasks.labelling.votes import combine, eligibility
from tasks.pages.weak import funnel, inputs, protocol_text


def test_the_protocol_follows_the_settings(finished: Callable[..., Any], settings: config.Config) -> None:
    run = finished()
    changed = settings.polarity.model_copy(update={"min_score": 0.4, "remove_stop_words": True, "voters": ["vader"]})
    text = protocol_text.protocol(
        run.metrics(), run.cross_validation(), settings.model_copy(update={"polarity": changed})
    )
    assert "Labels combine the votes of vader on the captions (stop words removed). Consensus" in text["Labels"]
    assert "more than 0.4 away" in text["Labels"]
    assert "2,000 resamples of the test videos (8)" in text["Intervals"]
    assert text["Cross-validation"].endswith("pooled. The final C is 0.01.")


def test_what_is_not_scored_is_counted(finished: Callable[..., Any]) -> None:
    run = finished()
    rows = funnel.funnel(inputs.read())
    fit = next(row for row in rows if row.label == funnel.ELIGIBLE)
    sentences = protocol_text.limits(rows, run.metrics())
    assert f"{len(run.scored('test'))} of the {fit.test} test utterances" in sentences[0]
    assert len(protocol_text.limits(rows, {**run.metrics(), "listeners": {"n": 1}})) == len(sentences) - 1
    unusable = {"n_rows": 4, "in_words": "4 of the 4 rows of ratings match no utterance."}
    assert protocol_text.limits(rows, {**run.metrics(), "ratings": unusable})[-1] == (
        "No rating can be used: 4 of the 4 rows of ratings match no utterance."
    )


@pytest.mark.parametrize("reason", [eligibility.TOO_SHORT, eligibility.TOO_LONG, eligibility.TOO_FEW, *combine.REASONS])
def test_every_reason_of_polarity_is_explained(settings: config.Config, reason: str) -> None:
    assert protocol_text.explain(funnel.FunnelRow("loss", "polarity", "utterances", reason, 1, 1), settings)


def test_every_step_but_the_plain_ones_is_explained(finished: Callable[..., Any], settings: config.Config) -> None:
    finished()
    bare = [
        row.label
        for row in funnel.funnel(inputs.read())
        if row.kind == "step" and not protocol_text.explain(row, settings)
    ]
    assert bare == ["with utterances", "usable"]
