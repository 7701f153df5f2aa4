"""The adapter of faster-whisper: with a stand-in, and with real weights where both are on this machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from tasks.captions import recognition, recognition_model
from tasks.captions.recognition import RecognitionRules
from tasks.core.config import Transcribe
from tasks.core.errors import ConfigError, InputError
from tasks.core.sound_files import RATE_HZ
from tasks.media import decode
from tasks.text import word_errors
from tasks.weights import store

FAKE = Path(__file__).resolve().parents[2] / "fixtures" / "fake_whisper"
MODEL = "whisper-base"
RULES = RecognitionRules.of(Transcribe())
ONE = np.full(2 * RATE_HZ, 0.5, np.float32)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., recognition_model.FasterWhisper]]:
    """Load the adapter with the stand-in for faster-whisper; arguments are words with times, as it would give them."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "faster_whisper"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(FAKE)
    calls: list[dict[str, Any]] = []

    def load(*words: tuple[str, float, float, float]) -> Any:
        import faster_whisper

        class Model(faster_whisper.WhisperModel):
            def transcribe(self, samples: Any, **settings: Any) -> tuple[list[Any], None]:
                calls.append(settings)
                given = [
                    SimpleNamespace(**dict(zip(("word", "start", "end", "probability"), w, strict=True))) for w in words
                ]
                return [SimpleNamespace(words=given, avg_logprob=-0.2, compression_ratio=1.1, no_speech_prob=0.1)], None

        adapter: Any = recognition_model.FasterWhisper(Model("folder"), 5, 0.5)
        adapter.calls = calls
        return adapter

    yield load
    for name in [name for name in sys.modules if name.partition(".")[0] == "faster_whisper"]:
        del sys.modules[name]


@pytest.fixture(scope="session")
def weights() -> Path:
    """The folder of Whisper's weights, or skip."""
    if find_spec("faster_whisper") is None:
        pytest.skip("faster-whisper is not installed: pip install 'undertone-ser[asr]'")
    if not store.is_here(MODEL):
        pytest.skip(store.missing(MODEL))
    return store.folder(MODEL)


def test_spaces_separate_words(stand_in: Callable[..., Any]) -> None:
    model = stand_in(
        (" www", 0.0, 0.5, 0.9), (".example", 0.5, 0.8, 0.4), (" –", 0.8, 0.9, 0.9), (" is", 1.0, 1.2, 0.8)
    )
    (passage,) = model.passages(ONE, "en", 0)
    assert [(word.text, word.start_s, word.end_s, word.probability) for word in passage.words] == [
        ("www.example", 0.0, 0.8, 0.4), ("is", 1.0, 1.2, 0.8),
    ]  # fmt: skip
    model._model.supported_languages = ("ja",)
    (passage,) = model.passages(ONE, "ja", 0)
    assert len(passage.words) == 3


def test_decoding_draws_nothing_at_random(stand_in: Callable[..., Any]) -> None:
    model = stand_in((" one", 0.0, 0.5, 0.9))
    model.passages(ONE, "en", 0)
    model.passages(ONE, "en", 1)
    assert [(call["temperature"], call["beam_size"], call["no_repeat_ngram_size"]) for call in model.calls] == [
        (0.0, 5, 0), (0.0, 1, 4),
    ]  # fmt: skip
    assert not any(call["condition_on_previous_text"] for call in model.calls)


def test_an_unknown_language_names_those_of_the_model(stand_in: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match=r"transcribe\.language: the model does not recognise 'tlh'; .*de, en"):
        stand_in().passages(ONE, "tlh", 0)


def test_a_model_for_english_only_detects_nothing(stand_in: Callable[..., Any]) -> None:
    model = stand_in()
    assert dict(model.languages(ONE)) == {"en": 0.9, "de": 0.1}
    model._model.model.is_multilingual = False
    assert model.languages(ONE) == {"en": 1.0}


def test_damaged_weights_are_one_line(weights: Path, tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (tmp_path / name).write_bytes((weights / name).read_bytes())
    with pytest.raises(InputError, match=r"no model\.bin"):
        recognition_model.demand(tmp_path)
    (tmp_path / "model.bin").write_bytes(b"\0" * 5_000)
    recognition_model.demand(tmp_path)
    with pytest.raises(InputError, match="the model cannot be loaded"):
        recognition_model.load(tmp_path, 5, 0.5)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_real_weights_recognise_a_real_voice_and_give_the_same_words_again(
    weights: Path, real_data: Path, tmp_path: Path
) -> None:
    decode.to_flac(real_data / "interviews" / "manifesto_audio.mp3", tmp_path / "whole.flac", max_duration_s=600)
    samples, _ = soundfile.read(tmp_path / "whole.flac", frames=17 * RATE_HZ, dtype="float32")
    soundfile.write(tmp_path / "start.flac", samples, RATE_HZ)
    recogniser = recognition_model.load(weights, 1, 0.5)
    speech = recognition.recognise(tmp_path / "start.flac", recogniser, RULES)
    text = " ".join(word.text for passage in speech.passages for word in passage.words)
    reference = "this audiobook is in the public domain you can find the text version of this audiobook at"
    expected = word_errors.normalised(reference)
    assert word_errors.n_errors(expected, word_errors.normalised(text)[: len(expected)]) <= 2
    assert speech.language == "en"
    assert recognition.recognise(tmp_path / "start.flac", recogniser, RULES) == speech
