"""The section on altered sound: its rows, the command where it was not measured, and outdated scores."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.pages.experiment import page as experiment_page
from tasks.pages.experiment import robustness
from tests.tasks.pages.experiment.test_page import AUDIT, NOTHING, Page
from tests.tasks.pages.experiment_results import of_classes

COMMAND = "undertone experiment robustness ravdess-wav2vec2-svm"


def score(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


def measured(results: dict[str, Any], **changes: Any) -> dict[str, Any]:
    entries = [
        {"alteration": name, "n": 40, "scores": {"uar": score(0.5)}, "loss": {"uar": score(loss)}, "changed": 0.25}
        for name, loss in (("12 dB <louder>", 0.02), ("MP3", 0.11))
    ]
    return {
        **{key: results[key] for key in ("task", "reader", "protocol", "outputs", "experiment", "data_sha256")},
        "recipe_sha256": results.get("recipe_sha256"), "n": 40, "of": 480, "scores": {"uar": score(0.61)},
        "alterations": entries,
    } | changes  # fmt: skip


def rendered(results: dict[str, Any], content: dict[str, Any] | None) -> Page:
    section = robustness.section(results, content)
    return Page(experiment_page.render(results, AUDIT, NOTHING, None, section))


def test_every_alteration_is_a_row() -> None:
    page = rendered(results := of_classes(), measured(results))
    assert "robustness" in page.sections
    assert "“MP3” costs most: UAR 0.500, loss +0.110" in page.text
    assert "12 dB <louder> 40 0.500" in page.text
    assert "40 of 480 test utterances" in page.text
    assert "Outdated" not in page.text


@pytest.mark.parametrize("changes", [{"data_sha256": "other"}, {"recipe_sha256": "other"}])
def test_scores_of_an_earlier_recipe_are_outdated(changes: dict[str, str]) -> None:
    page = rendered(results := of_classes(), measured(results, **changes))
    assert (
        f"Outdated – these scores are those of an earlier recipe or of other data. Repeat them: {COMMAND}" in page.text
    )


def test_without_scores_the_page_has_the_command() -> None:
    page = rendered(of_classes(), None)
    assert (
        f"Not measured. Scores at other levels, with noise, through a telephone and after MP3: {COMMAND}" in page.text
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"task": "values"},
        {"windows": {"length_s": 1}},
        {"lacking": {"text": 3}},
        {"features": [{"name": "words", "extractor": "text"}]},
    ],
)
def test_other_recipes_have_no_such_section(changes: dict[str, Any]) -> None:
    assert robustness.section(of_classes() | changes, None) is None


def test_other_pages_have_no_such_section() -> None:
    assert "robustness" not in Page(experiment_page.render(of_classes(), AUDIT, NOTHING)).sections
