"""Adapting to the speaker of some clips: by files and folders, with warnings for few and one-sided clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tasks.core.config import Config
from tasks.core.errors import InputError
from tasks.experiments import kept_model
from tasks.experiments.kept_model import KeptModel
from tasks.on_demand.applying import adapting, run
from tasks.on_demand.applying.run import Choices

CLIPS = [f"media/s4-{take}.wav" for take in range(6)]


def model(name: str = "adapted") -> KeptModel:
    return kept_model.load(kept_model.folder_of(name))


def test_scores_are_those_of_the_adapted_model(trained: Config, tmp_path: Path) -> None:
    adapted = adapting.adapt(model(), CLIPS, "file", trained, lambda _: None)
    assert adapted.n_clips == 6
    (few,) = adapted.warnings
    assert few.startswith("adapted by 6 clips, and the score of adapted is for 10: expect less")
    choices = Choices(tmp_path, ("csv",), cutting="file")
    plain, tuned = (
        run.apply_one(chosen, "media/s5-0.wav", choices, trained, lambda _: None).rows[0]
        for chosen in (model(), adapted.model)
    )
    assert plain.scores != tuned.scores
    assert sum(tuned.probabilities.values()) == pytest.approx(1)
    assert plain.novelty == tuned.novelty


def test_one_sided_and_too_few_clips_are_mentioned(trained: Config) -> None:
    one_sided, too_few, mixed = (
        list(adapting.warnings(model(), n_clips, judgement))
        for n_clips, judgement in ((12, True), (2, None), (12, False))
    )
    assert "look as if they came from a single class of sentiment" in one_sided[0]
    assert "adapted by 2 clips" in too_few[0]
    assert "too few" in too_few[1]
    assert mixed == []


def test_clips_of_one_class_are_called_one_sided(trained: Config) -> None:
    kept = model()
    alike = np.tile([[0.9, 0.05, 0.05]], (6, 1))
    assert kept.is_one_sided(alike) is True
    assert kept.is_one_sided(np.eye(3)[[0, 1, 2, 0, 1, 2]]) is False
    assert kept.is_one_sided(alike[:2]) is None


def test_a_recipe_without_adaptation_is_refused(trained: Config) -> None:
    with pytest.raises(InputError, match="voice cannot adapt to a speaker: its recipe has no `adapt`"):
        adapting.adapt(model("voice"), CLIPS, "file", trained, lambda _: None)


def test_a_missing_clip_is_refused(trained: Config) -> None:
    with pytest.raises(InputError, match=r"--adapt: media/none\.wav: there is no such file"):
        adapting.adapt(model(), ["media/none.wav"], "file", trained, lambda _: None)
