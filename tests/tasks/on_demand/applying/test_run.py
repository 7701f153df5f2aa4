"""Applying: on test media the output equals the stored predictions; bad media get one line each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import soundfile

from tasks.captions import recognition_model
from tasks.core import paths
from tasks.core.config import Config
from tasks.core.errors import UndertoneError
from tasks.experiments import kept_model
from tasks.on_demand.applying import run
from tasks.on_demand.applying.run import Applied, Choices
from tasks.on_demand.applying.scored import Certainty
from tests.fake_recogniser import TEXT, FakeRecogniser

SRT = "1\n00:00:00,000 --> 00:00:03,000\nseveral words someone once said\n\n2\n00:00:03,000 --> 00:00:03,500\nYes\n"


def applied(config: Config, experiment: str, source: Path | str, out: Path, **choices: Any) -> Applied:
    """Apply an experiment's model to a file."""
    model = kept_model.load(kept_model.folder_of(experiment))
    chosen = Choices(out, **{"formats": ("parquet",), **choices})
    return run.apply_one(model, str(source), chosen, config, lambda _: None)


def stored(experiment: str) -> dict[str, dict[str, Any]]:
    """Return the recipe's predictions by utterance."""
    table = pq.read_table(paths.experiment(experiment) / "predictions.parquet")
    return {row["utterance_id"]: row for row in table.filter(pc.equal(table["variant"], "recipe")).to_pylist()}


def compare(result: Applied, expected: list[dict[str, Any]]) -> None:
    """Check that the written scores and classes are exactly the stored ones."""
    rows = pq.read_table(result.files["parquet"]).to_pylist()
    columns = [name for name in expected[0] if name.startswith("score ")]
    assert columns
    assert [[row[name] for name in columns] for row in rows] == [[row[name] for name in columns] for row in expected]
    assert [row["predicted"] for row in rows] == [row["predicted"] for row in expected]


@pytest.mark.parametrize("experiment", ["voice", "source", "both", "words"])
def test_clips_get_the_stored_predictions(experiment: str, trained: Config, tmp_path: Path) -> None:
    predictions = stored(experiment)
    clips = sorted(name for name in predictions if "talk" not in name)
    assert len(clips) == 12
    for name in clips[:4] if experiment == "voice" else clips[:1]:
        media = Path("media", name.rpartition("/")[2])
        if experiment in ("both", "words"):
            text = next(line for line in Path("media/utterances.csv").read_text().splitlines() if media.name in line)
            captions = tmp_path / "clip.vtt"
            captions.write_text(f"WEBVTT\n\n00:00.000 --> 00:00.900\n{text.split(',')[7]}\n")
            result = applied(trained, experiment, media, tmp_path / "out", cutting="file", captions=captions)
        else:
            result = applied(trained, experiment, media, tmp_path / "out", cutting="file")
        compare(result, [predictions[name]])


@pytest.mark.parametrize("experiment", ["voice", "source", "both", "words"])
def test_captioned_utterances_get_the_stored_predictions(experiment: str, trained: Config, tmp_path: Path) -> None:
    predictions = stored(experiment)
    names = sorted(name for name in predictions if "talk" in name)
    assert len(names) == 3
    result = applied(trained, experiment, "media/talk.flac", tmp_path, cutting="auto")
    assert result.unit == "captions"
    compare(result, [predictions[name] for name in names])


@pytest.mark.parametrize("experiment", ["frames", "lacking"])
def test_networks_get_the_stored_predictions_up_to_rounding(experiment: str, trained: Config, tmp_path: Path) -> None:
    predictions = [row for name, row in sorted(stored(experiment).items()) if "talk" in name]
    result = applied(trained, experiment, "media/talk.flac", tmp_path)
    scores = [[row.scores[name] for name in row.scores] for row in result.rows]
    expected = [[row[f"score {name}"] for name in result.rows[0].scores] for row in predictions]
    np.testing.assert_allclose(scores, expected, rtol=1e-4)
    assert [row.predicted for row in result.rows] == [row["predicted"] for row in predictions]


def test_a_model_that_can_do_without_text_scores_sound_without_captions(
    trained: Config, wav: Callable[..., Path], tmp_path: Path
) -> None:
    (row,) = applied(trained, "lacking", wav(3.0), tmp_path).rows
    assert set(row.probabilities) == {"negative", "neutral", "positive"}


@pytest.fixture
def recognising(trained: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Config]:
    """Return settings that recognise speech, by a fake."""
    monkeypatch.setattr(recognition_model, "demand", lambda _: None)
    monkeypatch.setattr(recognition_model, "load", lambda *_: FakeRecogniser())
    return lambda when: trained.model_copy(
        update={"transcribe": trained.transcribe.model_copy(update={"when": when, "model": str(tmp_path)})}
    )


def test_speech_is_recognised_for_models_that_read_text(
    recognising: Callable[..., Config], wav: Callable[..., Path], tmp_path: Path
) -> None:
    media = wav(9.0)
    result = applied(recognising("missing"), "words", media, tmp_path / "out")
    assert (result.unit, [row.text for row in result.rows]) == ("recognised", [TEXT])
    assert [reject.detail for reject in result.rejects] == ["I was very"]
    (whole,) = applied(recognising("missing"), "words", media, tmp_path / "out", cutting="file").rows
    assert whole.text == f"{TEXT} I was very"
    assert applied(recognising("missing"), "voice", media, tmp_path / "out").unit == "windows", "it reads no text"
    media.with_suffix(".srt").write_text(SRT)
    by_captions = applied(recognising("missing"), "words", media, tmp_path / "out")
    assert (by_captions.unit, len(by_captions.rows)) == ("captions", 1)
    assert applied(recognising("always"), "words", media, tmp_path / "out").unit == "recognised"
    named = {"captions": media.with_suffix(".srt")}
    assert applied(recognising("always"), "words", media, tmp_path / "out", **named).unit == "captions"


def test_a_medium_without_speech(recognising: Callable[..., Config], tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(48_000), 16_000)
    with pytest.raises(UndertoneError, match=r"silence\.wav: no speech: none detected in 3 s of sound"):
        applied(recognising("missing"), "words", tmp_path / "silence.wav", tmp_path / "out")


def test_windows_then_captions_beside_the_file(trained: Config, wav: Callable[..., Path], tmp_path: Path) -> None:
    media = wav(10.0, 22_050, "talk.wav", 2)
    result = applied(trained, "source", media, tmp_path / "out", formats=("csv", "png", "jsonl", "vtt", "audacity"))
    assert (result.unit, [(row.start_s, row.end_s) for row in result.rows]) == (
        "windows",
        [(0.0, 4.0), (4.0, 8.0), (8.0, pytest.approx(10.0))],
    )
    assert {path.name for path in result.files.values()} == {
        "talk.csv", "talk.png", "talk.jsonl", "talk.vtt", "talk.labels.txt"
    }  # fmt: skip
    assert result.files["png"].read_bytes().startswith(b"\x89PNG")
    media.with_suffix(".srt").write_text(SRT)
    result = applied(trained, "source", media, tmp_path / "out")
    assert [row.text for row in result.rows] == ["several words someone once said"]
    assert [reject.reason for reject in result.rejects] == ["too short"]
    windows = applied(trained, "source", media, tmp_path / "out", cutting="windows")
    assert (windows.unit, len(windows.rows)) == ("windows", 3)


def test_captions_are_cut_as_those_it_was_trained_on(trained: Config, wav: Callable[..., Path], tmp_path: Path) -> None:
    media = wav(10.0, 16_000, "talk.wav")
    media.with_suffix(".srt").write_text(
        "1\n00:00:00,500 --> 00:00:02,500\nseveral words someone\n\n2\n00:00:02,500 --> 00:00:04,500\nonce said. Yes.\n"
    )
    captions = trained.captions.model_copy(update={"segmentation": "sentence"})
    config = trained.model_copy(update={"captions": captions})
    result = applied(config, "source", media, tmp_path / "out")
    assert [row.text for row in result.rows] == ["several words someone once said."]
    assert [(reject.reason, reject.detail) for reject in result.rejects] == [("too short", "Yes.")]


def test_the_same_medium_gives_the_same_bytes(trained: Config, tmp_path: Path) -> None:
    formats = ("csv", "jsonl", "vtt", "audacity", "parquet", "png")
    first, second = (
        applied(trained, "both", "media/talk.flac", tmp_path / name, formats=formats) for name in ("a", "b")
    )
    for name in formats:
        assert first.files[name].read_bytes() == second.files[name].read_bytes()


def test_probability_and_the_bound_of_unsure(trained: Config, tmp_path: Path) -> None:
    rows = applied(trained, "both", "media/talk.flac", tmp_path, certainty=Certainty(0.0)).rows
    assert not any(row.unsure for row in rows)
    for row in rows:
        assert sum(row.probabilities.values()) == pytest.approx(1)
        assert row.probability == max(row.probabilities.values()) == row.probabilities[str(row.predicted)]
    bound = sorted(row.probability or 0.0 for row in rows)[1]
    unsure = applied(trained, "both", "media/talk.flac", tmp_path, certainty=Certainty(bound)).rows
    assert [row.unsure for row in unsure] == [(row.probability or 0.0) < bound for row in rows]
    assert any(row.unsure for row in unsure)


def test_training_media_are_recognised_also_in_another_container(trained: Config, tmp_path: Path) -> None:
    def warned(source: Path | str) -> bool:
        return any(
            "trained on this file" in line
            for line in applied(trained, "voice", source, tmp_path, cutting="file").warnings
        )

    assert warned("media/s0-0.wav")
    assert not warned("media/s5-0.wav")


def test_sound_unlike_the_training_data_is_stated(trained: Config, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).uniform(-0.9, 0.9, 16_000 * 9)
    soundfile.write(tmp_path / "noise.wav", noise, 16_000)
    result = applied(trained, "voice", tmp_path / "noise.wav", tmp_path / "out")
    assert all(row.outside for row in result.rows)
    assert any("2 of 2 utterances sound unlike the training data" in warning for warning in result.warnings)
    clip = applied(trained, "voice", "media/s5-0.wav", tmp_path / "out", cutting="file")
    assert not any("unlike" in warning for warning in clip.warnings)


def tone(seconds: float, rate_hz: int = 16_000) -> np.ndarray:
    return 0.3 * np.sin(np.arange(round(seconds * rate_hz)) / 20)


NO_CAPTIONS = "reads text, and there are no captions"
MISSING = np.empty(0)


@pytest.mark.parametrize(
    ("experiment", "content", "message"),
    [
        pytest.param("voice", MISSING, r"bad\.wav: there is no such file", id="missing"),
        pytest.param("voice", b"junk", r"bad\.wav: ", id="no medium"),
        pytest.param("voice", b"", r"bad\.wav: ", id="empty"),
        pytest.param("source", np.zeros(160_000), "digital silence", id="silence"),
        pytest.param("source", tone(0.05), "shorter than", id="0.05 s"),
        pytest.param("voice", tone(0.05), r"bad\.wav: nothing to score", id="functionals of 0.05 s"),
        pytest.param("words", tone(3), NO_CAPTIONS, id="no text"),
        pytest.param("both", tone(3), NO_CAPTIONS, id="sound without text"),
    ],
)
def test_a_bad_medium_gets_one_line(
    experiment: str, content: bytes | np.ndarray, message: str, trained: Config, tmp_path: Path
) -> None:
    path = tmp_path / "bad.wav"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content.size:
        soundfile.write(path, content, 16_000)
    with pytest.raises(UndertoneError, match=message) as caught:
        applied(trained, experiment, path, tmp_path / "out")
    line = run.failure(str(path), caught.value)
    assert line is not None
    assert "\n" not in line
    assert not (tmp_path / "out").exists()


def test_too_long_media_are_refused(trained: Config, wav: Callable[..., Path], tmp_path: Path) -> None:
    crawl = trained.crawl.model_copy(update={"max_duration_s": 5.0})
    with pytest.raises(UndertoneError, match=r"tone\.wav: .*5"):
        applied(trained.model_copy(update={"crawl": crawl}), "voice", wav(6.0), tmp_path / "out")


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 44_100, 96_000])
def test_unusual_rates_are_resampled(rate_hz: int, trained: Config, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", tone(3, rate_hz), rate_hz)
    assert len(applied(trained, "source", tmp_path / "x.wav", tmp_path / "out").rows) == 1


def test_bad_captions_get_one_line(trained: Config, wav: Callable[..., Path], tmp_path: Path) -> None:
    def attempt(captions: Path) -> None:
        applied(trained, "source", wav(3.0), tmp_path / "out", captions=captions)

    with pytest.raises(UndertoneError, match="no such caption file"):
        attempt(tmp_path / "none.srt")
    short = tmp_path / "short.srt"
    short.write_text("1\n00:00:00,000 --> 00:00:01,000\nYes\n")
    with pytest.raises(UndertoneError, match="too short"):
        attempt(short)
    with pytest.raises(UndertoneError, match="there are no captions"):
        applied(trained, "source", wav(3.0), tmp_path / "out", cutting="captions")


def test_urls_are_fetched_by_the_rules_of_the_crawl(trained: Config, tmp_path: Path) -> None:
    for url in ("http://169.254.169.254/latest", "file:///etc/passwd"):
        with pytest.raises(UndertoneError, match=r"169\.254|file:"):
            applied(trained, "source", url, tmp_path)


def test_errors_that_stop_every_medium_are_not_lines_of_one() -> None:
    assert run.failure("a.wav", OSError(28, "No space left on device", "/tmp/x")) is None
    assert run.failure("a.wav", ZeroDivisionError()) is None
    assert run.failure("a.wav", PermissionError(13, "Permission denied", "a.wav")) is not None


def test_classes_of_low_probability_are_left_open(trained: Config, tmp_path: Path) -> None:
    rows = applied(trained, "both", "media/talk.flac", tmp_path).rows
    probabilities = sorted(row.probability for row in rows if row.probability is not None)
    bound = (probabilities[0] + probabilities[-1]) / 2
    result = applied(trained, "both", "media/talk.flac", tmp_path, certainty=Certainty(0.0, bound), formats=("csv",))
    for before, after in zip(rows, result.rows, strict=True):
        assert before.probability == after.probability
        open_ = before.probability is not None and before.probability < bound
        assert after.predicted == ("" if open_ else before.predicted)
        assert after.unsure is open_
        assert (after.in_words == "unsure") is open_
    lines = result.files["csv"].read_text().splitlines()
    assert sum(line.split(",")[2] == "" for line in lines[1:]) == sum(not row.predicted for row in result.rows) > 0
