"""Terminal output of experiments: checks of the audit, and scores that recipes' sources report."""

from __future__ import annotations

from typing import Any

import pytest

from flows.cli.screens import experiments
from tasks.core.config import Config, Experiment
from tasks.leaks.finding import AuditReport, Finding
from tests.tasks.pages.experiment_results import SCORE, of_classes, of_intensities

LONG = "ravdess-source-cnn-lstm-attention-eight-with-a-long-name"
FOUND = Finding("same text", "warning", 3, 480, "0.6% of the test utterances")
AUDIT = AuditReport(
    "speaker-out(4)", "4 folds", 480, (), (Finding("seen speakers", "violation", 0, 480, "none"), FOUND)
)
MELD = "meld-source-logistic-emotion"


def of_meld(settings: Config) -> tuple[Config, dict[str, Any]]:
    """Return settings with a recipe whose source reports accuracy 0.481, leaky, and its results."""
    recipe = settings.experiments["interviews-source"]
    metrics = of_classes(experiment=MELD, corpus="meld", reader="meld", target="emotion")
    metrics["scores"] |= {"accuracy": SCORE}
    entries: dict[str, Experiment] = {"interviews-source": recipe, MELD: recipe, LONG: recipe}
    return settings.model_copy(update={"experiments": entries}), metrics


def test_a_check_without_findings_is_no_violation(
    settings: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    experiments.result(settings, of_classes(experiment="interviews-source"), AUDIT, None)
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert "warning: same text (3 of 480): 0.6% of the test utterances" in lines
    assert "Not found: seen speakers" in lines
    assert not [line for line in lines if "violation" in line]
    assert not [line for line in lines if line.startswith("Published")], "the source reports no such score"


def test_the_list_has_the_published_score_in_100_columns(
    settings: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    config, metrics = of_meld(settings)
    experiments.overview(config, [metrics, of_classes(experiment=LONG)])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    start = next(k for k, row in enumerate(rows) if row[0].startswith("meld-source"))
    published = " ".join(row[4] for row in rows[start : start + 3])
    assert published == "accuracy 0.481 LEAKY here 0.610"
    assert any(row[1].endswith(")") for row in rows), "intervals are whole"
    experiments.overview(config, [metrics], only=[LONG])
    assert "published" not in capsys.readouterr().out


def test_results_have_the_published_score_with_its_protocol(
    settings: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    config, metrics = of_meld(settings)
    experiments.result(config, metrics, AUDIT, None)
    lines = capsys.readouterr().out.splitlines()
    expected = "Published by meld-text-audio: accuracy 0.481, leaky, under its protocol random 80/20"
    assert [line for line in lines if line.startswith(expected)]
    assert max(map(len, lines)) <= 100


def test_intensities_are_shown_by_emotion_and_threshold(
    settings: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    metrics = of_intensities(experiment="interviews-source")
    experiments.result(settings, metrics, AUDIT, None)
    shown = capsys.readouterr().out
    mse, fear = (metrics["scores"]["per_value"]["fear"]["mse"], metrics["scores"]["per_label_above"]["0.5"]["fear"])
    rows = [line for line in shown.splitlines() if "fear" in line]
    assert len(rows) == 3, "errors, and labels at two thresholds"
    assert f"{mse['value']:.3f} ({mse['low']:.3f}–{mse['high']:.3f})" in rows[0]
    assert all(f"{fear[name]:.3f}" in rows[2] for name in ("precision", "recall", "f1"))
    assert "emotion, predicted above 0.3" in shown
    assert "Macro F1 at 0.5" in shown
