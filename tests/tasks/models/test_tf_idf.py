"""TF-IDF: terms of the training part only, and what happens where there are hardly any."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tasks.core.errors import NotEnoughData
from tasks.models import tf_idf
from tasks.models.base.estimator import Inputs


def said(*texts: str) -> Inputs:
    return Inputs(np.full(len(texts), "a"), texts={"said": np.array(texts, dtype=object)})


GOOD_BAD = np.array(["good", "bad"] * 3)
SAID = said("I like it", "I don't like it", "we like it", "we don't like it", "I like this", "I don't like this")


def terms(fitted: tf_idf.TfIdf) -> list[str]:
    return json.loads(fitted.files()["model.json"])["terms"]


def test_words_keep_their_apostrophes_and_single_letters() -> None:
    fitted = tf_idf.TfIdf(tf_idf.TfIdfSettings()).fit(SAID, GOOD_BAD)
    assert {"i", "don't", "don't like", "like it"} <= set(terms(fitted))
    scores = fitted.scores(said("they don't", "they like it"))
    assert np.array(fitted.outputs_)[scores.argmax(axis=1)].tolist() == ["bad", "good"]


def test_terms_come_from_the_training_part_and_are_counted_in_texts() -> None:
    fitted = tf_idf.TfIdf(tf_idf.TfIdfSettings(min_df=3, ngram_max=1)).fit(SAID, GOOD_BAD)
    assert terms(fitted) == ["don't", "i", "it", "like"]
    assert fitted.notes_ == []
    unknown, empty = fitted.scores(said("zebras zigzag", ""))
    np.testing.assert_array_equal(unknown, empty)
    few = tf_idf.TfIdf(tf_idf.TfIdfSettings(max_features=2)).fit(SAID, GOOD_BAD)
    assert len(terms(few)) == 2


def test_rare_terms_are_kept_where_there_are_no_others() -> None:
    fitted = tf_idf.TfIdf(tf_idf.TfIdfSettings()).fit(said("lovely", "awful"), np.array(["good", "bad"]))
    assert terms(fitted) == ["awful", "lovely"]
    assert fitted.notes_ == ["no term stands in 2 texts; all terms are kept"]
    loaded = tf_idf.MODELS[0].load(tf_idf.TfIdfSettings(), fitted.files())
    assert loaded.notes_ == fitted.notes_


def test_texts_without_a_word_are_too_little() -> None:
    with pytest.raises(NotEnoughData, match="none of the 2 texts of the training part contains a word"):
        tf_idf.TfIdf(tf_idf.TfIdfSettings()).fit(said("...", ""), np.array(["good", "bad"]))


def test_all_texts_of_a_row_are_read() -> None:
    result, other = said("so", "so", "so", "so").texts["said"], said("yes", "no", "yes", "no").texts["said"]
    inputs = Inputs(np.full(4, "a"), texts={"before": result, "now": other})
    fitted = tf_idf.TfIdf(tf_idf.TfIdfSettings()).fit(inputs, np.array(["good", "bad", "good", "bad"]))
    assert {"so", "yes", "no"} <= set(terms(fitted))


def test_several_labels_at_once() -> None:
    labels = np.stack([GOOD_BAD == "good", np.zeros(6)], axis=1).astype(float)
    fitted = tf_idf.TfIdf(tf_idf.TfIdfSettings()).fit(SAID, labels)
    scores = fitted.scores(SAID)
    assert fitted.outputs_ == ("0", "1")
    assert ((scores[:, 0] > 0.5) == (GOOD_BAD == "good")).all()
    assert scores[:, 1].max() < 0.5


@pytest.mark.parametrize("name", ["ngram_max", "min_df", "max_features", "c"])
def test_impossible_settings_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be above 0"):
        tf_idf.TfIdfSettings(**{name: 0})
