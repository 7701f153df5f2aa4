"""Simulated conversations whose words, voices and faces show emotions as often as requested."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tasks.core.errors import InputError
from tasks.corpora.labels import EMOTIONS
from tasks.corpora.readers import meld as meld_reader
from tasks.on_demand import simulated_corpora
from tasks.simulate.studio import Signals

SEVEN = ("neutral", "happiness", "sadness", "anger", "surprise", "fear", "disgust")


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_modality_shows_the_emotion_as_often_as_requested(share: float) -> None:
    rng = np.random.default_rng(1)
    shown = [Signals(sound=share).shown("fear", SEVEN, rng) for _ in range(2000)]
    # a random emotion is the true one now and then
    expected = share + (1 - share) / len(SEVEN)
    assert np.mean([emotions.sound == "fear" for emotions in shown]) == pytest.approx(expected, abs=0.03)
    assert all((emotions.text, emotions.video) == ("fear", "fear") for emotions in shown)


def test_only_all_parts_together_identify_an_emotion() -> None:
    rng = np.random.default_rng(1)
    valence = {"neutral": 0, "happiness": 1, "surprise": 1}
    shown = {emotion: Signals(parts=True).shown(emotion, SEVEN, rng) for emotion in SEVEN}
    keys = {emotion: (valence.get(emotion, -1), shown[emotion].sound, shown[emotion].video) for emotion in SEVEN}
    assert len(set(keys.values())) == len(SEVEN)
    for part in range(3):
        assert len({key[part] for key in keys.values()}) <= 3


def test_a_corpus_of_the_requested_size_is_read(tmp_path: Path) -> None:
    simulated_corpora.make("meld", tmp_path / "meld", signals=Signals(parts=True, times=2))
    rows = meld_reader.CORPUS.read(tmp_path / "meld").rows
    assert len(rows) == 72
    assert {row["emotion"] for row in rows} == set(SEVEN) <= set(EMOTIONS)
    assert all(row["video"] for row in rows)


def test_impossible_requests_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"text is 1\.5; it is a share of the utterances, from 0 to 1"):
        Signals(text=1.5)
    with pytest.raises(InputError, match="times is 0"):
        Signals(times=0)
    with pytest.raises(InputError, match="simulated tess always shows everything; signals work with iemocap, meld"):
        simulated_corpora.make("tess", tmp_path / "tess", signals=Signals())
    assert not (tmp_path / "tess").exists()
