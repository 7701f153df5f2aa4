"""Sentences that mark the spoken word by characters or capitals: every word once, at its time."""

from __future__ import annotations

import pytest

from tasks.captions import highlighted
from tasks.captions.cue import Cue
from tasks.captions.marked_by_characters import underlined

FIRST, SECOND = "We really love this place.", "The food is terrible."


def cues(*texts: str) -> list[Cue]:
    """Return a cue a second for each text."""
    return [Cue(k, k * 1_000, k * 1_000 + 1_000, (text,)) for k, text in enumerate(texts)]


def marked(sentence: str, mark: str) -> list[str]:
    words = sentence.split()
    shown = [word.upper() if mark == "capitals" else mark.format(word) for word in words]
    return [" ".join([*words[:k], shown[k], *words[k + 1 :]]) for k in range(len(words))]


@pytest.mark.parametrize("mark", ["[{}]", "*{}*", "_{}_", "{{{}}}", "→{}", "capitals"])
def test_words_have_the_times_of_the_cues_that_mark_them(mark: str) -> None:
    merged = highlighted.merge(cues(*marked(FIRST, mark), *marked(SECOND, mark)))
    assert merged is not None
    shown = [(cue.start_ms, cue.end_ms, cue.lines[0].replace("<u>", "").replace("</u>", "")) for cue in merged.cues]
    assert shown == [(0, 5_000, FIRST), (5_000, 9_000, SECOND)]
    assert merged.word_times[0] == tuple((k * 1_000, k * 1_000 + 1_000) for k in range(5))


def test_voices_stay() -> None:
    assert [cue.lines[0] for cue in underlined(cues("<v joy>[We] do.", "<v joy>We [do.]"))] == [
        "<v joy><u>We</u> do.",
        "<v joy>We <u>do.</u>",
    ]


@pytest.mark.parametrize(
    "texts",
    [
        ("We *really* do.", "We really do.", "So *there* we went."),
        ("No way.", "NO WAY."),
        ("<font color='red'>I</font> do", "I <font color='red'>do</font>"),
        ("[Laughing] I do.", "[Laughing] I do."),
        ("", ""),
    ],
)
def test_other_cues_stay_as_they_are(texts: tuple[str, ...]) -> None:
    assert underlined(cues(*texts)) == cues(*texts)
