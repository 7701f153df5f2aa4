"""Sources of training texts: the ratings of training videos, files, corpora, and what is none of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flows.cli import voter_sources
from tasks.core.config import Config
from tasks.core.errors import InputError
from tasks.labelling.quality.label_quality import VotedTexts
from tasks.stages import labels as labels_stage


def silent(_: str) -> None:
    pass


def test_only_rated_texts_of_training_videos_are_used(settings: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = VotedTexts(
        texts=["a", "b", "c", "d"],
        polarities=np.zeros((4, 1)),
        names=["vader"],
        gold=np.array(["negative", "", "positive", "neutral"]),
        groups=np.array(["v", "v", "v", "w"]),
        training=np.array([True, True, True, False]),
    )
    monkeypatch.setattr("flows.runs.in_process.bring_up_to_date", lambda *_, **__: None)
    monkeypatch.setattr(labels_stage, "read", lambda _, rows: (["0", "1", "2", "3"], texts, None, None))
    source = voter_sources.read(settings, "ratings", silent)
    assert list(source.texts) == ["a", "c"]
    assert source.labels.tolist() == ["negative", "positive"]
    assert source.source == "the project's ratings, training videos"
    texts.gold[:3] = ""
    with pytest.raises(InputError, match=r"no utterance of the training videos is rated; collect ratings"):
        voter_sources.read(settings, "ratings", silent)


def test_files_and_unknown_names(settings: Config, tmp_path: Path) -> None:
    file = tmp_path / "rated.tsv"
    file.write_text("1_1\t2.5\tSo happy.\n1_2\t-0.1\tA table.\n")
    source = voter_sources.read(settings, str(file), silent)
    assert source.labels.tolist() == ["positive", "neutral"]
    assert source.source == "rated.tsv"
    file.write_text("1_1\tmany\tSo happy.\n")
    with pytest.raises(InputError, match=r"rated\.tsv: row 1: found the rating 'many', expected a number"):
        voter_sources.read(settings, str(file), silent)
    with pytest.raises(InputError, match="nowhere is neither a file nor a corpus"):
        voter_sources.read(settings, "nowhere", silent)
