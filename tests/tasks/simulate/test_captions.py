from pathlib import Path

import pytest

from tasks.fetching.local_files import has_timed_words
from tasks.simulate import captions
from tasks.simulate.sound import Utterance

SAID = (
    Utterance("I live here, don't I?", None, 1.599, 3.2, (1.599, 1.92, 2.48, 2.72, 3.1)),
    Utterance("Tom & <Ida> left.", "neutral", 3.919, 5.0, (3.919, 4.08, 4.24, 4.4)),
)


def test_rolling_captions_are_just_like_youtubes() -> None:
    assert captions.automatic_vtt(SAID) == (
        "WEBVTT\nKind: captions\nLanguage: en\n\n"
        "00:00:01.599 --> 00:00:03.909 align:start position:0%\n"
        " \n"
        "I<00:00:01.920><c> live</c><00:00:02.480><c> here</c><00:00:02.720><c> don't</c><00:00:03.100><c> I</c>\n\n"
        "00:00:03.909 --> 00:00:03.919 align:start position:0%\n"
        "I live here don't I\n"
        " \n\n"
        "00:00:03.919 --> 00:00:04.990 align:start position:0%\n"
        "I live here don't I\n"
        "tom<00:00:04.080><c> &amp;</c><00:00:04.240><c> &lt;ida&gt;</c><00:00:04.400><c> left</c>\n\n"
        "00:00:04.990 --> 00:00:05.000 align:start position:0%\n"
        "tom &amp; &lt;ida&gt; left\n"
        " \n"
    )


def test_a_sentence_that_is_too_long_for_a_line_breaks_at_its_comma() -> None:
    text = "During the tour, the whole long sentence " + "goes on and on " * 3 + "to its end."
    words = tuple(index * 0.2 for index in range(len(text.split())))
    rolled = captions.automatic_vtt((Utterance(text, None, 0.0, 9.0, words),))
    lines = [line for line in rolled.splitlines() if "<c>" in line]
    assert len(lines) == 2
    assert lines[0].startswith("during<") and lines[0].endswith("tour</c>")


def test_manual_captions_have_one_cue_per_utterance() -> None:
    assert captions.manual_vtt(SAID).endswith("00:00:03.919 --> 00:00:05.000\nTom &amp; &lt;Ida&gt; left.\n")
    assert captions.manual_srt(SAID) == (
        "1\n00:00:01,599 --> 00:00:03,200\nI live here, don't I?\n\n"
        "2\n00:00:03,919 --> 00:00:05,000\nTom & <Ida> left.\n"
    )


def test_times_past_an_hour_round_to_milliseconds() -> None:
    late = Utterance("So.", None, 3599.9996, 3661.5, (3599.9996,))
    assert "01:00:00.000 --> 01:01:01.500" in captions.manual_vtt((late,))


def test_laughter_says_no_word() -> None:
    cues = [line for line in captions.laughter_vtt(SAID).splitlines()[3:] if line and "-->" not in line]
    assert cues == ["[Laughing]", "[Laughing]"]


def test_only_rolling_captions_are_taken_for_rolling() -> None:
    assert has_timed_words(captions.automatic_vtt(SAID).encode())
    assert not has_timed_words(captions.manual_vtt(SAID).encode())


@pytest.mark.real
def test_real_automatic_captions_roll_and_real_manual_ones_do_not(real_data: Path) -> None:
    folder = real_data / "interviews"
    rolling = {path.name: has_timed_words(path.read_bytes()) for path in folder.glob("*.vtt")}
    assert rolling == {
        "1.en.vtt": True, "2.en.vtt": True, "3.en.vtt": False, "kobe.en.vtt": True, "manifesto_audio.vtt": True,
    }  # fmt: skip
