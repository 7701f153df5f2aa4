"""The API without a project: extractors, models, splitters, audits, captions, corpora."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.base import clone
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import cross_val_predict, cross_val_score
from sklearn.preprocessing import StandardScaler

import undertone as ut
from tasks.evaluation import protocols
from tasks.features.sound import functionals

SPEAKERS = np.repeat([f"s{number}" for number in range(6)], 20)
LABELS = np.tile(["angry", "calm"], 60)


def matrix(seed: int = 1) -> np.ndarray:
    """Return features that show the class a little, and the speaker strongly."""
    rng = np.random.default_rng(seed)
    of_class, of_speaker = (LABELS == "angry") * 1.5, 5 * np.repeat(rng.standard_normal(6), 20)
    return rng.standard_normal((120, 4)) + np.stack([of_class, of_speaker, 0 * of_class, 0 * of_class], axis=1)


def test_an_extractor_is_the_function_of_the_pipeline(wav: Callable[..., Path]) -> None:
    path = wav(1.0)
    signal, rate = ut.read_sound(path)
    assert (signal.dtype, signal.shape, rate) == (np.float32, (16_000,), 16_000)
    values = ut.extractor("functionals")(signal, rate)
    assert list(values.index) == list(functionals.NAMES)
    np.testing.assert_array_equal(values, functionals.functionals(signal, rate).astype(np.float32))
    samples, _ = soundfile.read(path, dtype="int16")
    np.testing.assert_allclose(ut.extractor("functionals")(samples, rate), values, rtol=1e-4, atol=1e-4)
    table = ut.extractor("functionals").files(path)
    np.testing.assert_array_equal(table.loc[0, list(functionals.NAMES)].astype(np.float32), values)
    assert ut.read_sound(path, 0.25, 0.5)[0].size == 4000
    assert ut.read_sound(path, float("nan"), 0.5)[0].size == 8000


def test_extractors_of_texts_and_sequences() -> None:
    assert ut.extractor("text")("Hello there") == "Hello there"
    tone = np.sin(2 * np.pi * 220 * np.arange(16_000) / 16_000)
    frame = ut.extractor("prosody")(tone, 16_000)
    assert isinstance(frame, pd.DataFrame)
    assert ut.extractor("log-mel", n_mels=32)(tone, 16_000).shape[1] == 32
    assert set(ut.extractors()["reads"]) == {"sound", "text", "video"}


@pytest.mark.parametrize(
    ("name", "arguments", "kind", "message"),
    [
        ("functionals", (np.zeros((2, 16_000)), 16_000), ut.AudioError, "expected one channel"),
        ("functionals", (np.ones(16_000),), ut.InputError, "expected the sampling rate"),
        ("functionals", ("words",), ut.InputError, "reads sound; expected a signal"),
        ("text", (np.ones(9), 16_000), ut.InputError, "reads text; expected a text"),
        ("frame-states", (np.ones(9), 16_000), ut.InputError, "reads video"),
    ],
)
def test_mistakes_with_extractors(name: str, arguments: tuple, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        ut.extractor(name)(*arguments)


def test_unknown_names_are_explained() -> None:
    with pytest.raises(ut.ConfigError, match="did you mean functionals"):
        ut.extractor("functional")
    with pytest.raises(ut.ConfigError, match="unknown key 'x'"):
        ut.extractor("functionals", x=1)
    with pytest.raises(ut.ConfigError, match="did you mean ridge-classifier"):
        ut.model("ridge-clasifier")
    with pytest.raises(ut.InputError, match="takes text, not one matrix"):
        ut.model("tf-idf")
    with pytest.raises(ut.InputError, match="there is no such file"):
        ut.read_sound("none.wav")


def test_a_model_agrees_with_scikit_learns() -> None:
    X = matrix()
    ours = ut.model("ridge-classifier", alpha=2.0).fit(X, LABELS)
    theirs = RidgeClassifier(alpha=2.0).fit(StandardScaler().fit_transform(X), LABELS)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(StandardScaler().fit_transform(X)))
    assert ours.classes_.tolist() == ["angry", "calm"]
    np.testing.assert_allclose(ours.predict_proba(X).sum(axis=1), 1)
    values = ut.model("ridge").fit(X, X[:, 0]).predict(X)
    assert np.corrcoef(values, X[:, 0])[0, 1] > 0.99
    with pytest.raises(ut.InputError, match="are no probabilities"):
        ut.model("linear-svm").fit(X, LABELS).predict_proba(X)


def test_models_and_splitters_work_with_scikit_learn() -> None:
    X, model = matrix(), ut.model("ridge-classifier", alpha=2.0)
    assert clone(model).get_params() == model.get_params()
    scores = {
        rule: cross_val_score(
            model, X, LABELS, groups=SPEAKERS, cv=ut.protocols.splitter(rule), scoring="balanced_accuracy"
        )
        for rule in ("leave-one-speaker-out", "random(5)")
    }
    assert [fold.size for fold in scores.values()] == [6, 5]
    assert all(0.6 < fold.mean() < 0.95 for fold in scores.values())
    predicted = cross_val_predict(
        ut.model("linear-svm"), X, LABELS, groups=SPEAKERS, cv=ut.protocols.splitter("speaker-out(3)")
    )
    assert (predicted == LABELS).mean() > 0.6


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.ones(4), ["a"] * 4, "expected features of shape"),
        (np.array([[1.0], [np.nan]]), ["a", "b"], "row 1, feature 0 is nan"),
        (np.ones((3, 1)), ["a", "b"], "found 3 rows of features and 2 of targets"),
        (np.ones((2, 1)), [["a"], ["b"]], "expected one target for each row"),
        (np.ones((2, 1)), ["a", None], "1 rows have no target, the first is row 1"),
    ],
)
def test_mistakes_with_models(X: np.ndarray, y: list, message: str) -> None:
    with pytest.raises(ut.InputError, match=message):
        ut.model("ridge-classifier").fit(X, y)
    with pytest.raises(ut.InputError, match="is not fitted yet"):
        ut.model("ridge-classifier").predict(np.ones((1, 1)))


def test_folds_are_those_of_the_protocol() -> None:
    table = pd.DataFrame(
        {"speaker": SPEAKERS, "script": np.tile(["x", "y", "z"], 40), "corpus": "c", "emotion": LABELS},
        index=[f"c/{number:03d}" for number in range(120)],
    )
    columns = {
        "utterance_id": np.array(table.index, dtype=str),
        **{name: np.full(120, "") for name in ("group", "split")},
        **{name: table[name].to_numpy(dtype=str) for name in ("corpus", "speaker", "script")},
    }
    for rule in ("speaker-out(3)", "speaker-and-script-out(2)", "random(4)"):
        expected = protocols.parse(rule).folds(columns, LABELS, 5)
        splitter = ut.protocols.splitter(rule, seed=5)
        folds = list(splitter.split(table, LABELS, table))
        assert len(folds) == splitter.get_n_splits(table, LABELS) == len(expected)
        for (train, test), fold in zip(folds, expected, strict=True):
            np.testing.assert_array_equal(train, fold.train)
            np.testing.assert_array_equal(test, fold.test)
    assert ut.protocols.splitter("random(4)").leaky
    assert ut.protocols.splitter("speaker-out(3)").unit == ("speaker",)
    assert "speaker" in ut.protocols.splitter("speaker-out(3)").description
    assert "speaker-out(k)" in ut.protocols.forms()


def test_mistakes_with_splitters() -> None:
    with pytest.raises(ut.ConfigError, match="did you mean speaker-out"):
        ut.protocols.splitter("speakers-out(3)")
    with pytest.raises(ut.InputError, match="needs the speaker of every row; pass groups="):
        list(ut.protocols.splitter("speaker-out(3)").split(matrix(), LABELS))
    with pytest.raises(ut.InputError, match="pass a data frame with these columns"):
        list(ut.protocols.splitter("speaker-and-script-out(2)").split(matrix(), LABELS, SPEAKERS))
    with pytest.raises(ut.InputError, match="found 5 values, expected one for each of 120 rows"):
        list(ut.protocols.splitter("speaker-out(3)").split(matrix(), LABELS, SPEAKERS[:5]))
    with pytest.raises(ut.NotEnoughData, match="needs 9 speakers or more, and there are 6"):
        list(ut.protocols.splitter("speaker-out(9)").split(matrix(), LABELS, SPEAKERS))


def test_audits_take_data_frames_and_files(tmp_path: Path) -> None:
    train = pd.DataFrame({"Spk": ["anna", "ben"], "text": ["one", "two"]}, index=["u1", "u2"])
    test = pd.DataFrame({"Spk": ["ben"], "text": ["three"]}, index=["u3"])
    result = ut.audit(train, test, columns={"speaker": "Spk"})
    assert not result.passed
    assert result.shared["speaker"][0].test_row == "u3"
    test.to_csv(tmp_path / "test.csv", index=False)
    assert ut.audit(train, tmp_path / "test.csv", columns={"speaker": "Spk"}).shared["speaker"][0].test_row == 2
    assert ut.audit(train, test, columns={"speaker": ""}, apart=["text"]).passed


def test_captions_and_corpora(tmp_path: Path) -> None:
    with pytest.raises(ut.InputError, match="there is no such file"):
        ut.captions.read(tmp_path / "none.vtt")
    (tmp_path / "Actor_01").mkdir()
    name = "03-01-05-01-02-01-01.wav"
    soundfile.write(tmp_path / "Actor_01" / name, np.zeros(16_000), 16_000)
    (tmp_path / "Actor_01" / "03-01-99-01-02-01-01.wav").touch()
    table = ut.corpora.read("ravdess", tmp_path)
    assert table.index.name == "utterance_id"
    assert table["emotion"].tolist() == ["anger"]
    assert table["audio"].tolist() == [str(tmp_path / "Actor_01" / name)]
    assert len(table.attrs["rejected"]) == 1
    with pytest.raises(ut.InputError, match="there is no such folder"):
        ut.corpora.read("ravdess", tmp_path / "none")
    with pytest.raises(ut.InputError, match="there is no reader 'ravdes'"):
        ut.corpora.read("ravdes", tmp_path)


def test_every_public_name_is_in_one_list() -> None:
    from tasks import api

    assert set(api.__all__) == {
        "__version__",
        *api._MODULES,
        *(name for names in api._PLACES.values() for name in names),
    }
    assert dir(api) == sorted(api.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        api.nothing  # noqa: B018
