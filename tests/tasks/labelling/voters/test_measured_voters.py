"""Coverage and precision of voters on rated sentences, as docs/labels.md states them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tasks.evaluation.splits import Labels
from tasks.labelling.base import registry
from tasks.labelling.lexicons import labmt
from tasks.labelling.quality import rated_texts
from tasks.labelling.quality.rated_texts import RatedTexts
from tasks.labelling.votes.combine import labels_of

LEAST_PRECISION = 0.70


@pytest.fixture(scope="module")
def held_out(real_data: Path) -> tuple[RatedTexts, Labels]:
    """All rated sentences, and which of them no rule was chosen on: those of half of the articles and tweets."""
    rated = rated_texts.read(sorted((real_data / "rated_text").glob("*.txt")))
    groups = np.unique(rated.groups)
    chosen_on = np.random.default_rng(0).permutation(groups)[: groups.size // 2]
    return rated, ~np.isin(rated.groups, chosen_on)


@pytest.mark.real
@pytest.mark.parametrize("name", ["vader", "afinn", "textblob", "nrc", "emphasis"])
def test_precision_on_sentences_that_no_rule_was_chosen_on(held_out: tuple[RatedTexts, Labels], name: str) -> None:
    if name == "nrc":
        pytest.importorskip("nrclex", reason="needs the extra `lexicons`")
    rated, where = held_out
    assert where.sum() == 4637
    votes = labels_of(registry.load(name).cast(rated.texts).polarities)
    print(f"\n{name}: votes on {(votes[where] != '').mean():.3f}")
    for label in ("negative", "neutral", "positive"):
        rows = where & (votes == label)
        if rows.any():
            precision = (rated.labels[rows] == label).mean()
            print(f"  {label}: {precision:.3f} of {rows.sum()}")
            assert name not in ("nrc", "emphasis") or precision > LEAST_PRECISION


@pytest.mark.real
def test_labmt_in_english_is_better_than_textblob(held_out: tuple[RatedTexts, Labels]) -> None:
    pytest.importorskip("labMTsimple", reason="needs the extra `lexicons`")
    from sklearn.metrics import f1_score

    rated, where = held_out
    score = labmt.scorer("labmt_en", "en")
    votes = [score(text) or 0.0 for text in rated.texts]
    others = registry.load("textblob").cast(rated.texts).polarities
    f1, other = (
        f1_score(rated.labels[where], labels_of(np.array(polarities))[where], average="macro")
        for polarities in (votes, others)
    )
    print(f"\nmacro F1: labmt {f1:.3f}, textblob {other:.3f}")
    assert f1 > other
