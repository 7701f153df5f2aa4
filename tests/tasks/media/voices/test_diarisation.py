"""Who speaks when: turns and voices of sound with known voices, by tiny models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tasks.core.errors import AudioError, InputError
from tasks.evaluation.diarisation_error import diarisation_error
from tasks.media.voices import diarisation
from tasks.media.voices.diarisation import Diarisation
from tasks.media.voices.hints import TurnHint
from tasks.media.voices.models import SpeechDetector, VoiceEncoder

VOICES = (0, None, 1, None, 0, None, 1, 0)
SECONDS = (4.0, 0.6, 8.0, 0.5, 5.0, 0.7, 5.0, 3.0)


def diarised(sound: Path, weights: Path, hints: tuple[TurnHint, ...] = ()) -> Diarisation:
    detector = SpeechDetector(weights / "silero-vad")
    return diarisation.diarise(sound, detector, VoiceEncoder(weights / "ge2e-speaker-encoder"), hints)


def reference() -> list[tuple[float, float, str]]:
    edges = np.cumsum([0.0, *SECONDS])
    return [
        (start, end, str(voice))
        for voice, start, end in zip(VOICES, edges, edges[1:], strict=False)
        if voice is not None
    ]


def test_turns_and_voices(recording: Callable[..., Path], weights: Path) -> None:
    result = diarised(recording(VOICES, SECONDS), weights)
    assert len(result.voices) == 2
    assert result.spoken_s == pytest.approx((13.0, 12.0), abs=0.6), "voices are in the order of speaking time"
    assert result.turns[0].voice == 1
    assert result.duration_s == pytest.approx(sum(SECONDS), abs=0.02)
    assert result.names == ("", "")
    turns = [(turn.start_s, turn.end_s, str(turn.voice)) for turn in result.turns]
    assert diarisation_error(reference(), turns).rate < 0.02
    assert diarised(recording(VOICES, SECONDS), weights).turns == result.turns


@pytest.mark.parametrize("n_voices", [1, 3, 4])
def test_number_of_voices(n_voices: int, recording: Callable[..., Path], weights: Path) -> None:
    order = [voice for number in range(2 * n_voices) for voice in (number % n_voices, None)]
    result = diarised(recording(order, [4.0, 0.4] * 2 * n_voices), weights)
    assert len(result.voices) == n_voices


def test_a_voice_of_a_second_is_not_counted(recording: Callable[..., Path], weights: Path) -> None:
    result = diarised(recording((0, None, 1, None, 0), (8.0, 0.5, 1.0, 0.5, 8.0)), weights)
    assert len(result.voices) == 1
    assert result.spoken_s[0] == pytest.approx(17.0, abs=0.6)


def test_little_speech_has_a_voice(recording: Callable[..., Path], weights: Path) -> None:
    result = diarised(recording((None, 0, None), (1.0, 0.5, 1.0)), weights)
    assert [turn.voice for turn in result.turns] == [0]


def test_silence_has_no_turns(recording: Callable[..., Path], weights: Path) -> None:
    result = diarised(recording((None,), (3.0,)), weights)
    assert (result.turns, result.spoken_s, result.duration_s) == ((), (), pytest.approx(3.0, abs=0.02))


def test_a_file_of_a_millisecond(recording: Callable[..., Path], weights: Path) -> None:
    assert diarised(recording((None,), (0.001,)), weights).turns == ()


def test_marks_separate_voices_that_sound_alike(recording: Callable[..., Path], weights: Path) -> None:
    sound = recording((0, None, 0, None, 0, None, 0), (7.0, 0.5, 7.0, 0.5, 7.0, 0.5, 7.0))
    assert len(diarised(sound, weights).voices) == 1
    hints = tuple(TurnHint(7.5 * turn, 7.5 * turn + 7.5, ("ann", "bob")[turn % 2]) for turn in range(4))
    result = diarised(sound, weights, hints)
    assert sorted(result.names) == ["ann", "bob"]
    assert [result.names[turn.voice] for turn in result.turns] == ["ann", "bob", "ann", "bob"]


def test_a_turn_has_one_voice(recording: Callable[..., Path], weights: Path) -> None:
    sound = recording((0, None, 1, None, 0, 1), (8.0, 0.5, 8.0, 0.5, 7.0, 1.0))
    hints = (TurnHint(0, 8.3, ""), TurnHint(8.4, 16.8, ""), TurnHint(17.0, 25.0, ""))
    result = diarised(sound, weights, hints)
    first, second, third = (turn.voice for turn in result.turns)
    assert first == third != second


def test_best_path() -> None:
    scores = np.array([[1.0, 0.0]] * 10 + [[0.4, 0.6]] * 2 + [[1.0, 0.0]] * 10 + [[0.0, 1.0]] * 10)
    assert diarisation.best_path(scores).tolist() == [0] * 22 + [1] * 10
    assert diarisation.best_path(scores, costs=0.0).tolist() == [0] * 10 + [1] * 2 + [0] * 10 + [1] * 10
    assert diarisation.best_path(np.ones((3, 1))).tolist() == [0, 0, 0]


def test_unusable_files(recording: Callable[..., Path], weights: Path, tmp_path: Path) -> None:
    (tmp_path / "damaged.flac").write_bytes(b"fLaC" + bytes(100))
    with pytest.raises(AudioError, match="damaged"):
        diarised(tmp_path / "damaged.flac", weights)
    with pytest.raises(InputError, match="undertone weights fetch silero-vad"):
        SpeechDetector(tmp_path / "silero-vad")
    (weights / "silero-vad" / "model.onnx").write_bytes(b"no model")
    with pytest.raises(InputError, match="no ONNX model"):
        SpeechDetector(weights / "silero-vad")
