"""Recognition with a fake recogniser: windows, times, languages, repeated and improbable passages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tasks.captions import recognition, utterances
from tasks.captions.cue import CaptionWord
from tasks.captions.recognition import IMPROBABLE, REPEATED, Passage, RecognisedWord, RecognitionRules, recognise
from tasks.core.config import Config, Transcribe
from tasks.core.errors import Rejected
from tasks.core.sound_files import RATE_HZ
from tests.fake_recogniser import FakeRecogniser

RULES = RecognitionRules.of(Transcribe())


def sound(path: Path, *loud: tuple[float, float], length_s: float) -> Path:
    """Write silence with loud noise between these times in seconds."""
    rng = np.random.default_rng(1)
    samples = np.zeros(round(length_s * RATE_HZ), np.float32)
    for start_s, end_s in loud:
        span = slice(round(start_s * RATE_HZ), round(end_s * RATE_HZ))
        samples[span] = 0.5 * np.sign(rng.standard_normal(samples[span].size))
    soundfile.write(path, samples, RATE_HZ, format="FLAC")
    return path


def passage(text: str, log_probability: float = -0.3, compression: float = 1.2, no_speech: float = 0.0) -> Passage:
    words = tuple(RecognisedWord(word, float(k), k + 1.0, 0.9) for k, word in enumerate(text.split()))
    return Passage(words, log_probability, compression, no_speech)


def test_words_lie_in_the_stretches_they_were_decoded_from(tmp_path: Path) -> None:
    path = sound(tmp_path / "a.flac", (1, 3), (10, 11), (40, 70), length_s=75)
    fake = FakeRecogniser()
    speech = recognise(path, fake, RULES)
    # the silence between is not decoded; speech of more than a window is split
    assert [seconds for _, seconds in fake.calls] == [3.0, 28.0, 2.0]
    words = [word for part in speech.passages for word in part.words]
    spans = [(1, 3), (10, 11), (40, 68), (68, 70)]
    assert all(any(start <= word.start_s < word.end_s <= end for start, end in spans) for word in words)
    assert [word.start_s for word in words[:6]] == [1.0, 1.5, 2.0, 2.5, 10.0, 10.5]
    assert [word.start_s for word in words] == sorted(word.start_s for word in words)
    assert (speech.language, speech.language_probability, speech.speech_s) == ("en", 0.75, 33.0)
    assert speech.dropped == ()
    assert recognise(path, FakeRecogniser(), RULES) == speech


def test_long_sound_is_read_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sound(tmp_path / "a.flac", (1, 3), (8, 13), (14, 19), (19.5, 20), (25, 39), length_s=45)
    whole = recognise(path, FakeRecogniser(), RULES)
    # a block ends within a stretch of speech, between two, and within one that is longer than a block
    monkeypatch.setattr(recognition, "_BLOCK_S", 10)
    in_blocks = recognise(path, FakeRecogniser(), RULES)
    assert in_blocks.speech_s == whole.speech_s == 26.5
    texts = [[word.start_s for part in speech.passages for word in part.words] for speech in (whole, in_blocks)]
    assert texts[0] == texts[1]


def test_a_loop_is_decoded_again_and_dropped_if_it_stays(tmp_path: Path) -> None:
    path = sound(tmp_path / "a.flac", (1, 9), length_s=10)
    fake = FakeRecogniser(loops=(0,))
    assert recognise(path, fake, RULES).dropped == ()
    assert [attempt for attempt, _ in fake.calls] == [0, 1]
    speech = recognise(path, FakeRecogniser(loops=(0, 1)), RULES)
    assert speech.passages == ()
    assert [dropped.reason for dropped in speech.dropped] == [REPEATED]


def test_silence_has_no_words(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="no speech: none detected in 5 s of sound"):
        recognise(sound(tmp_path / "a.flac", length_s=5), FakeRecogniser(), RULES)


def test_a_given_language_is_not_detected(tmp_path: Path) -> None:
    path = sound(tmp_path / "a.flac", (1, 3), length_s=5)
    speech = recognise(path, FakeRecogniser("de"), RULES.model_copy(update={"language": "fr"}))
    assert (speech.language, speech.language_probability) == ("fr", None)
    assert recognise(path, FakeRecogniser("de"), RULES).language == "de"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (passage("one two three"), None),
        (passage("one two three", log_probability=-1.1), IMPROBABLE),
        (passage("one two three", log_probability=-0.8), None),
        (passage("one two three", log_probability=-0.8, no_speech=0.7), IMPROBABLE),
        (passage("one two three", log_probability=-0.6, no_speech=0.7), None),
        (passage("one two three", compression=2.5), REPEATED),
        (passage("no no no no, I said no"), None),
        (passage("and so " + "I said, " * 6), REPEATED),
        (passage("thank you " * 5 + "for that"), None),
        (passage("thank you " * 6), REPEATED),
    ],
)
def test_which_passages_are_dropped(given: Passage, reason: str | None) -> None:
    assert recognition.why_dropped(given, RULES) == reason


def test_the_same_passage_again_and_again_is_kept_once() -> None:
    passages = [passage("hello there"), *[passage("thank you.")] * 4, passage("bye"), *[passage("yes")] * 3]
    kept, dropped = recognition._sorted_out(passages, RULES)
    assert [part.text for part in kept] == ["hello there", "thank you.", "bye", "yes", "yes", "yes"]
    assert [part.reason for part in dropped] == [REPEATED] * 3


def test_words_become_sentences_that_do_not_overlap(settings: Config) -> None:
    words = [
        CaptionWord("So", 1000, 1400), CaptionWord("it", 1350, 1500), CaptionWord("ends.", 1500, 2000),
        CaptionWord("Then", 1990, 2300), CaptionWord("we", 2300, 2400), CaptionWord("go.", 2400, 12_000),
    ]  # fmt: skip
    spoken = utterances.of_words(words, None, 10.0, settings.captions).spoken
    assert [span.text for span in spoken] == ["So it ends.", "Then we go."]
    assert [(span.start_ms, span.end_ms) for span in spoken] == [(950, 2000), (2000, 10_000)]
    assert utterances.of_words([], None, 10.0, settings.captions).spoken == ()
