"""The page of a recipe of the book shows the score that its source reports, beside its own."""

from __future__ import annotations

from typing import Any

from tasks.experiments.plot_data import PlotData
from tasks.leaks.finding import AuditReport
from tasks.pages.experiment import page
from tasks.pages.experiment.page import SourceScore
from tasks.pages.experiment.published_score import source_score
from tests.tasks.pages.experiment_results import SCORE, of_classes, of_intensities

NOTHING = PlotData({}, (), {}, (), ())


def results(name: str) -> dict[str, Any]:
    of = of_classes(experiment=name, corpus="meld", reader="meld", target="emotion", protocol="random(5)", leaky=True)
    of["scores"] |= {"accuracy": SCORE}
    return of


def test_a_recipe_of_the_book_has_its_source_s_score() -> None:
    assert source_score(results("meld-source-logistic-emotion")) == SourceScore(
        "meld-text-audio", "accuracy 0.481", "accuracy", "random 80/20 on all splits pooled", True
    )
    assert source_score(results("meld-source-bilstm-emotion")) is None
    assert source_score(results("mine")) is None


def test_intensities_have_the_published_f1_at_the_higher_threshold() -> None:
    name = "mosei-source-mosei-wav2vec2-intensities"
    of = of_intensities(experiment=name, corpus="mosei", reader="mosei", protocol="official")
    source = source_score(of)
    assert source is not None
    assert (source.source, source.score, source.measure) == ("ser-bench", "micro F1 at 0.5: 0.51", "micro_f1_05")
    assert "threshold 0.5" in source.protocol
    text = page.render(of, AuditReport("official", "1 fold", 300, (), ()), NOTHING, source)
    table = text.split('id="published"')[1].split("</table>")[0]
    assert "Micro F1 at 0.5" in table
    assert '<td class="number">0.51</td>' in table
    assert f"{of['scores']['micro_f1_05']['value']:.3f}" in table


def test_both_scores_are_in_a_table() -> None:
    figures = results("meld-source-logistic-emotion")
    audit = AuditReport("random(5)", "5 folds", 480, (), ())
    text = page.render(figures, audit, NOTHING, source_score(figures))
    table = text.split('id="published"')[1].split("</table>")[0]
    assert "published: meld-text-audio" in table
    assert '<td class="number">0.481</td>' in table, "the column has the measure's name"
    assert "0.610" in table
    assert "random 80/20 on all splits pooled" in table
    assert 'id="published"' not in page.render(figures, audit, NOTHING)
