"""Speech detection and word alignment: bursts of noise stand for speech."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from tasks.captions import alignment, bounds, speech_detection
from tasks.captions.speech_detection import SpeechRuns
from tasks.captions.tokens import Token

RATE_HZ = 16_000
Bursts = list[tuple[int, int]]


def noise(duration_ms: int, bursts: Bursts, floor_db: float = -60.0) -> np.ndarray:
    rng = np.random.default_rng(11)
    signal = 10 ** (floor_db / 20) * rng.standard_normal(duration_ms * 16)
    for start_ms, end_ms in bursts:
        signal[start_ms * 16 : end_ms * 16] += 0.1 * rng.standard_normal((end_ms - start_ms) * 16)
    return signal


@pytest.fixture
def detect(tmp_path: Path) -> Callable[..., SpeechRuns | None]:
    def measure(duration_ms: int, bursts: Bursts, floor_db: float = -60.0) -> SpeechRuns | None:
        soundfile.write(tmp_path / "noise.flac", noise(duration_ms, bursts, floor_db), RATE_HZ, subtype="PCM_16")
        return speech_detection.detect(speech_detection.levels_db(tmp_path / "noise.flac"))

    return measure


def words(*spans: tuple[str, int, int]) -> list[Token]:
    return [Token(1, text, start_ms, end_ms) for text, start_ms, end_ms in spans]


def times(tokens: list[Token]) -> Bursts:
    return [(token.start_ms, token.end_ms) for token in tokens]


def runs(speech: SpeechRuns | None) -> Bursts:
    assert speech is not None
    return list(zip(speech.starts_ms.tolist(), speech.ends_ms.tolist(), strict=True))


@pytest.mark.parametrize("floor_db", [-120.0, -60.0, -40.0])
def test_bursts_are_found_where_they_are(detect: Callable[..., SpeechRuns], floor_db: float) -> None:
    bursts = [(1_000, 1_400), (2_000, 2_805), (4_000, 5_000)]
    detected = runs(detect(6_003, bursts, floor_db))
    assert len(detected) == 3
    assert np.abs(np.array(detected) - np.array(bursts)).max() <= 20


def test_gaps_within_words_and_clicks_are_ignored(detect: Callable[..., SpeechRuns]) -> None:
    detected = runs(detect(5_000, [(1_000, 1_400), (1_480, 2_000), (3_000, 3_008)]))
    assert detected == [(pytest.approx(1_000, abs=20), pytest.approx(2_000, abs=20))]


@pytest.mark.parametrize("bursts", [[], [(0, 3_000)]])
@pytest.mark.parametrize("floor_db", [-60.0, -np.inf])
def test_without_detected_speech_durations_come_from_letters(
    detect: Callable[..., SpeechRuns | None], bursts: Bursts, floor_db: float
) -> None:
    measured = detect(3_000, bursts, floor_db)
    assert measured is None
    stamped = words(("so", 500, 700), ("what", 700, 2_000))
    assert times(alignment.align(stamped, measured, timed=True)) == [
        (500, 700),
        (700, 700 + alignment.usual_ms("what")),
    ]
    assert alignment.align(stamped, measured, timed=False) == stamped


def test_no_sound_at_all(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "none.wav", np.empty(0), RATE_HZ)
    assert speech_detection.detect(speech_detection.levels_db(tmp_path / "none.wav")) is None


def test_an_early_time_and_a_word_before_a_pause(detect: Callable[..., SpeechRuns]) -> None:
    speech = detect(6_000, [(1_000, 1_500), (3_000, 3_400)])
    # the first is stamped 0.8 s early, the second lasts, by its stamps, until the third, 0.9 s early as well
    stamped = words(("yes", 200, 1_200), ("indeed", 1_200, 2_100), ("well", 2_100, 4_000))
    assert times(alignment.align(stamped, speech, timed=True)) == [
        (pytest.approx(1_000, abs=20), 1_200),
        (1_200, pytest.approx(1_500, abs=20)),
        (pytest.approx(3_000, abs=20), pytest.approx(3_400, abs=20)),
    ]


def test_a_time_one_second_before_the_next_is_not_a_start(detect: Callable[..., SpeechRuns]) -> None:
    # a shout before "you", whose stamp says that it is "you": "stop" may take its time, but not for so long
    speech = detect(6_000, [(1_000, 2_400), (2_700, 4_000)])
    stamped = words(("stop", 1_000, 1_200), ("you", 1_790, 2_790), ("there", 2_790, 4_000))
    stop, you, _ = times(alignment.align(stamped, speech, timed=True))
    assert stop == (pytest.approx(1_000, abs=20), 1_000 + alignment.usual_ms("stop"))
    assert you[0] >= 2_790 - 1.5 * alignment.usual_ms("you")
    assert you[1] == 2_790


def test_a_breath_long_after_a_word_is_not_its_end(detect: Callable[..., SpeechRuns]) -> None:
    speech = detect(6_000, [(1_000, 1_500), (3_000, 3_600)])
    ((start_ms, end_ms),) = times(alignment.align(words(("unite", 1_000, 5_000)), speech, timed=True))
    assert (start_ms, end_ms) == (pytest.approx(1_000, abs=20), pytest.approx(1_500, abs=20))


def test_words_extend_to_the_edge_of_their_burst(detect: Callable[..., SpeechRuns]) -> None:
    speech = detect(4_000, [(1_000, 1_500), (2_000, 2_500)])
    first, second, third = times(
        alignment.align(
            words(("one", 1_080, 1_420), ("two", 1_420, 2_400), ("three", 2_400, 3_000)), speech, timed=True
        )
    )
    assert first == (pytest.approx(1_000, abs=20), pytest.approx(1_500, abs=20))
    assert second == (pytest.approx(2_000, abs=20), 2_400)
    assert third == (2_400, pytest.approx(2_500, abs=20))
    ((start_ms, _),) = times(alignment.align(words(("late", 2_080, 3_000)), speech, timed=True))
    assert start_ms == pytest.approx(2_000, abs=20)


def test_words_of_a_cue_share_its_speech(detect: Callable[..., SpeechRuns]) -> None:
    speech = detect(6_000, [(1_000, 2_000), (4_000, 5_000)])
    cue = words(("aaa", 500, 2_000), ("bbb", 2_000, 3_500), ("ccc", 3_500, 5_000), ("ddd", 5_000, 5_800))
    shared = times(alignment.align(cue, speech, timed=False))
    assert shared[0][0] == pytest.approx(1_000, abs=20)
    assert shared[-1][1] == pytest.approx(5_000, abs=20)
    assert all(1_000 - 20 <= a < b <= 5_020 for a, b in shared)


def test_a_word_drawn_out_over_music_is_cut_short(detect: Callable[..., SpeechRuns]) -> None:
    speech = detect(20_000, [(1_000, 15_000)])
    ((start_ms, end_ms),) = times(alignment.align(words(("la", 1_000, 15_000)), speech, timed=True))
    assert end_ms - start_ms == pytest.approx(alignment.usual_ms("la") + 1_000, abs=20)


def test_sound_shorter_than_captions(detect: Callable[..., SpeechRuns]) -> None:
    speech = detect(2_000, [(500, 1_000)])
    stamped = words(("here", 500, 1_200), ("gone", 9_000, 9_400))
    aligned = alignment.align(stamped, speech, timed=True)
    assert times(aligned)[1] == (9_000, 9_400)
    edges = [(word, word) for word in aligned]
    assert bounds.utterance_bounds(edges, speech, 9_200, timed=True)[1] == (8_950, 9_200)


def test_utterances_keep_a_margin_and_meet_where_it_is_quietest(
    detect: Callable[..., SpeechRuns],
) -> None:
    speech = detect(6_000, [(1_000, 1_500), (1_560, 2_000), (3_000, 4_000)])
    stamped = words(("one", 1_000, 1_590), ("two", 1_590, 2_000), ("three", 3_000, 4_200))
    aligned = alignment.align(stamped, speech, timed=True)
    first, second, third = bounds.utterance_bounds([(word, word) for word in aligned], speech, 6_000, timed=True)
    margin_ms = bounds.MARGIN_MS
    assert first[0] == pytest.approx(1_000 - margin_ms, abs=20)
    assert first[1] == second[0] == pytest.approx(1_530, abs=35)
    assert second[1] == pytest.approx(2_000 + margin_ms, abs=20)
    assert third == (pytest.approx(3_000 - margin_ms, abs=20), pytest.approx(4_000 + margin_ms, abs=20))
    assert bounds.utterance_bounds([], speech, 6_000, timed=True) == []


@st.composite
def scenes(draw: st.DrawFn) -> tuple[list[Token], np.ndarray]:
    clock_ms, tokens = 0, []
    for number in range(draw(st.integers(1, 12))):
        start_ms = clock_ms + draw(st.sampled_from([0, 0, 30, 700]))
        clock_ms = start_ms + draw(st.integers(0, 1_500))
        text = draw(st.sampled_from(["a", "word", "[x]"]))
        tokens.append(Token(number // 3, text, start_ms, clock_ms, spoken=text != "[x]"))
    levels = draw(st.lists(st.sampled_from([-100.0, -60.0, -55.0, -20.0]), min_size=1, max_size=30))
    return tokens, np.repeat(np.array(levels, np.float32), draw(st.integers(1, 80)))


@given(scenes(), st.booleans())
def test_words_and_utterances_stay_in_order_and_apart(scene: tuple[list[Token], np.ndarray], timed: bool) -> None:
    tokens, level_db = scene
    speech = speech_detection.detect(level_db)
    aligned = alignment.align(tokens, speech, timed=timed)
    assert [token.text for token in aligned] == [token.text for token in tokens]
    spoken = [token for token in aligned if token.spoken]
    assert all(token.start_ms <= token.end_ms for token in spoken)
    assert all(before.end_ms <= after.start_ms for before, after in pairwise(spoken))
    duration_ms = tokens[-1].end_ms
    spans = bounds.utterance_bounds([(token, token) for token in spoken], speech, duration_ms, timed=timed)
    assert all(0 <= start_ms <= end_ms for start_ms, end_ms in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


@given(scenes())
def test_a_word_never_moves_out_of_its_span_by_more_than_the_tolerance(
    scene: tuple[list[Token], np.ndarray],
) -> None:
    tokens, level_db = scene
    for before, after in zip(
        tokens, alignment.align(tokens, speech_detection.detect(level_db), timed=True), strict=True
    ):
        assert after.start_ms >= before.start_ms - 150
        latest_ms = max(before.end_ms, before.start_ms + alignment.usual_ms(before.text))
        assert after.end_ms <= max(latest_ms + 150, after.start_ms)
