"""Predict: new media through the same steps, with captions or in windows, and clear words for what cannot be used."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.core import each, paths
from tasks.core.config import Config
from tasks.core.errors import InputError, NotEnoughData
from tasks.on_demand import predict
from tasks.stages import acoustic, segments, train

SRT = "1\n00:00:00,000 --> 00:00:03,000\nseveral words someone once said\n\n2\n00:00:03,000 --> 00:00:03,500\nYes\n"


@pytest.fixture
def model(captioned: Callable[..., None], settings: Config) -> Config:
    """A project with a trained model."""
    captioned(3, 1, 6)
    quick = settings.train.model_copy(update={"c_grid": [0.1], "outer_folds": 2, "inner_folds": 2})
    config = settings.model_copy(update={"train": quick})
    driver = each.local(config.runtime.model_copy(update={"workers": 1}))
    for stage in (segments, acoustic, train):
        stage.run(config, each=driver)
    return config


def test_windows_then_captions_beside_the_file(model: Config, wav: Callable[..., Path], tmp_path: Path) -> None:
    media = wav(10.0, 22_050, "talk.wav", 2)
    found = predict.run(str(media), captions=None, out=tmp_path / "out", config=model)
    assert (found.unit, [(row.start_s, row.end_s) for row in found.rows]) == (
        "windows",
        [(0.0, 4.0), (4.0, 8.0), (8.0, pytest.approx(10.0))],
    )
    with found.csv.open() as file:
        assert [row["predicted"] for row in csv.DictReader(file)] == [row.predicted for row in found.rows]
    assert found.picture.read_bytes().startswith(b"\x89PNG")
    media.with_suffix(".srt").write_text(SRT)
    found = predict.run(str(media), captions=None, out=tmp_path / "out", config=model)
    assert found.unit == "utterances"
    assert [row.text for row in found.rows] == ["several words someone once said"]
    assert [reject.reason for reject in found.rejects] == ["too short"]
    assert found.rows[0].margin >= 0


def test_captions_are_cut_as_those_it_was_trained_on(model: Config, wav: Callable[..., Path], tmp_path: Path) -> None:
    media = wav(10.0, 16_000, "talk.wav")
    media.with_suffix(".srt").write_text(
        "1\n00:00:00,500 --> 00:00:02,500\nseveral words someone\n\n2\n00:00:02,500 --> 00:00:04,500\nonce said. Yes.\n"
    )
    captions = model.captions.model_copy(update={"segmentation": "sentence"})
    config = model.model_copy(update={"captions": captions})
    found = predict.run(str(media), captions=None, out=tmp_path / "out", config=config)
    assert [row.text for row in found.rows] == ["several words someone once said."]
    assert [(reject.reason, reject.detail) for reject in found.rejects] == [("too short", "Yes.")]


def test_what_cannot_be_used_is_said(model: Config, wav: Callable[..., Path], tmp_path: Path) -> None:
    def attempt(source: Path | str, captions: Path | None = None) -> None:
        predict.run(str(source), captions=captions, out=tmp_path / "out", config=model)

    with pytest.raises(InputError, match="there is no such file"):
        attempt(tmp_path / "none.wav")
    (tmp_path / "junk.wav").write_bytes(b"junk")
    with pytest.raises(InputError, match=r"junk\.wav"):
        attempt(tmp_path / "junk.wav")
    with pytest.raises(InputError, match=r"169\.254\.169\.254"):
        attempt("http://169.254.169.254/latest")
    with pytest.raises(InputError, match="file:"):
        attempt("file:///etc/passwd")
    with pytest.raises(InputError, match="no such caption file"):
        attempt(wav(3.0), tmp_path / "none.srt")
    short = tmp_path / "short.srt"
    short.write_text("1\n00:00:00,000 --> 00:00:01,000\nYes\n")
    with pytest.raises(NotEnoughData, match="too short"):
        attempt(wav(3.0), short)
    paths.MODEL.unlink()
    with pytest.raises(InputError, match="train one first"):
        attempt(wav(3.0))


def test_sources_of_the_same_name_have_their_own_results(
    model: Config, wav: Callable[..., Path], tmp_path: Path
) -> None:
    media = wav(5.0, 16_000, "x.wav")
    out, names = tmp_path / "out", ("Беседа.wav", "日本語.wav", "a/talk.wav", "b/talk.wav", "a/TALK.wav", "a/talk.WAV")
    sources = [tmp_path / name for name in names]
    for source in sources:
        source.parent.mkdir(exist_ok=True)
        shutil.copy(media, source)
    results = [predict.run(str(source), captions=None, out=out, config=model) for source in sources]
    files = [result.csv.name for result in results]
    assert files[:3] == ["Беседа.csv", "日本語.csv", "talk.csv"]
    assert len({name.casefold() for name in files} | {result.picture.name.casefold() for result in results}) == 12
    again = [predict.run(str(source), captions=None, out=out, config=model) for source in reversed(sources)]
    assert [result.csv.name for result in reversed(again)] == files
