"""Tests of the protocol in words, which follows the settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tasks.core import config
from tasks.labelling.votes import combine, eligibility
from tasks.pages.weak import funnel, inputs, protocol_text


def test_the_labels_follow_the_settings(settings: config.Config) -> None:
    changed = settings.polarity.model_copy(update={"min_score": 0.4, "remove_stop_words": True, "voters": ["vader"]})
    text = dict(protocol_text.labels(settings.model_copy(update={"polarity": changed})))
    assert "Labels combine the votes of vader on the captions (stop words removed). Consensus" in text["Labels"]
    assert "more than 0.4 away" in text["Labels"]
    assert text["Utterances"].startswith("Utterances of ")


def test_what_is_not_scored_is_counted(finished: Callable[..., Any]) -> None:
    run = finished()
    results = inputs.read("interviews-source")
    rows = funnel.funnel(results)
    fit = next(row for row in rows if row.label == funnel.ELIGIBLE)
    sentences = protocol_text.limits(rows, results)
    assert f"{len(run.tested('test'))} of the {fit.test} test utterances" in sentences[0]
    assert sentences[-1].startswith("No listener has rated")
    unusable = {"n_rows": 4, "in_words": "4 of the 4 rows of ratings match no utterance."}
    changed = replace(results, label_quality={"ratings": unusable})
    assert protocol_text.limits(rows, changed)[-1] == (
        "No rating can be used: 4 of the 4 rows of ratings match no utterance."
    )
    rated = replace(results, metrics=results.metrics | {"references": [{"name": "listeners"}]})
    assert len(protocol_text.limits(rows, rated)) == len(sentences) - 1


@pytest.mark.parametrize("reason", [eligibility.TOO_SHORT, eligibility.TOO_LONG, eligibility.TOO_FEW, *combine.REASONS])
def test_every_reason_of_polarity_is_explained(settings: config.Config, reason: str) -> None:
    assert protocol_text.explain(funnel.FunnelRow("loss", "polarity", "utterances", reason, 1, 1), settings)


def test_every_step_but_the_plain_ones_is_explained(finished: Callable[..., Any], settings: config.Config) -> None:
    finished()
    bare = [
        row.label
        for row in funnel.funnel(inputs.read("interviews-source"))
        if row.kind == "step" and not protocol_text.explain(row, settings)
    ]
    assert bare == ["with utterances", "usable"]
