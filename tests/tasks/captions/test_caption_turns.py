"""Turns that caption files mark, with names."""

from __future__ import annotations

from tasks.captions import caption_turns


def turns(*cues: str) -> list[tuple[float, float, str]]:
    lines = [f"00:00:{2 * k:02}.000 --> 00:00:{2 * k + 2:02}.000\n{text}\n" for k, text in enumerate(cues)]
    content = "\n".join(["WEBVTT\n", *lines]).encode()
    return [(turn.start_s, turn.end_s, turn.name) for turn in caption_turns.read(content, "vtt")]


def test_marks() -> None:
    assert turns(">> Hello there.", "How are you?", ">> I am fine.") == [(0.0, 4.0, ""), (4.0, 6.0, "")]
    assert turns("- Hello there.", "- I am fine.") == [(0.0, 2.0, ""), (2.0, 4.0, "")]


def test_words_before_the_first_mark_are_a_turn() -> None:
    assert turns("Welcome to this.", ">> Thank you.") == [(0.0, 2.0, ""), (2.0, 4.0, "")]


def test_names() -> None:
    named = [(0.0, 2.0, "joy"), (2.0, 6.0, "bob"), (6.0, 8.0, "joy")]
    assert turns("JOY: Hello.", "BOB: I am fine.", "It is late.", "JOY: And now?") == named
    assert turns("<v Joy>Hello.", "<v Bob>I am fine.", "<v Bob>It is late.", "<v Joy>And now?") == named


def test_two_names_in_a_cue() -> None:
    assert [name for *_, name in turns("<v Joy>Hello.\n<v Bob>I am fine.", "<v Joy>Good.")] == ["joy", "bob", "joy"]


def test_a_mark_after_a_name_has_no_name() -> None:
    assert [name for *_, name in turns("JOY: Hello there.", ">> I am fine.", "BOB: Good.")] == ["joy", "", "bob"]


def test_no_marks() -> None:
    assert turns("Hello there.", "How are you?") == []
    assert turns() == []
