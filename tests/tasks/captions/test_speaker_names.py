"""Names of speakers: not part of the text, and another name opens a turn; other words before colons stay."""

from __future__ import annotations

import pytest

from tasks.captions import caption_file, turns
from tasks.captions.cue import CaptionLine, Cue
from tasks.captions.rolling import unroll
from tasks.captions.speaker_names import as_voices

TURN = "»"


def named(*cues: str) -> list[str]:
    """Return the text of cues, given with | between lines; a turn opens at »."""
    shown = [Cue(k, k * 1_000, k * 1_000 + 900, tuple(text.split("|"))) for k, text in enumerate(cues)]
    return [marked(line) for line in turns.words(as_voices(shown))]


def marked(line: CaptionLine) -> str:
    return " ".join(f"{TURN if word.opens_turn else ''}{word.text}" for word in line.words)


def test_the_forms_of_names_that_need_no_evidence() -> None:
    assert named(
        "JOY: We waited at the station.", "HOPE WINTERS: The train came.", "Speaker 2: It rained.",
        "(GRACE): The tickets were there.", "[SPEAKER_01]: The tickets.", "[SPEAKER_02] So?", "[JOY:] No.",
        "DR. SMITH: I see.", "Mr. Jones: Yes.", "MAN #1: Hey.", "Man 2: Oh.", "Interviewer: Why?", "Male Voice: Hm.",
        "<i>JOY: in italics</i>", "<b>HOPE</b>: bold", "JOY (V.O.): far", "HOPE (laughing): no", "ДЖОЙ: да",
        "ANN : oui",
    ) == [
        "»We waited at the station.", "»The train came.", "»It rained.", "»The tickets were there.", "»The tickets.",
        "»So?", "»No.", "»I see.", "»Yes.", "»Hey.", "»Oh.", "»Why?", "»Hm.", "»in italics", "»bold", "»far",
        "»(laughing) no", "»да", "»oui",
    ]  # fmt: skip


def test_names_in_brackets_alone_in_a_transcript() -> None:
    assert named("[JOY] We waited.", "(HOPE) The train.", "[LAUGHING] No.", "[JOY] So?", "- [Ann Lee] Yes.") == [
        "»We waited.", "»The train.", "[LAUGHING] No.", "»So?", "»Yes.",
    ]  # fmt: skip
    assert named("JOY: We waited.", "It came.", "It went.", "[JOY] So?", "[RAIN] Oh.", "Yes.", "HOPE (00:12): No.") == [
        "»We waited.", "It came.", "It went.", "So?", "[RAIN] Oh.", "Yes.", "»No.",
    ]  # fmt: skip
    assert named("(MAN) We waited.", "It came.", "[WOMAN 2] Oh.", "It went.", "Yes.") == [
        "»We waited.", "It came.", "»Oh.", "It went.", "Yes.",
    ]  # fmt: skip
    few = ("[MUSIC] So", "(Applause) it", "went", "on", "and", "[SIGHS] on", "[Rain] again")
    assert named(*few) == list(few)


def test_only_another_name_opens_a_turn() -> None:
    assert named("JOY: one", "two", "JOY: three", "HOPE: four", "<v Ann>five") == [
        "»one", "two", "three", "»four", "»five",
    ]  # fmt: skip


def test_several_names_in_a_cue() -> None:
    assert named("- JOY: Hello|- TOM: Hi", "&gt;&gt; JOY: again. &gt;&gt; TOM: Fine.", "JOY: I do. TOM: Me too.") == [
        "»Hello »Hi",
        "»again. »Fine.",
        "»I do. »Me too.",
    ]


def test_a_name_on_a_line_of_its_own() -> None:
    assert named("JOY:|We waited.", "HOPE:", "No.", "JOY:|&gt;&gt; Yes.") == ["»We waited.", "", "»No.", "»Yes."]


@pytest.mark.parametrize(
    ("cues", "expected"),
    [
        (("Joy Li: Hello.", "Tom Hanks: Hi.", "Joy Li: So?"), ["»Hello.", "»Hi.", "»So?"]),
        (("Q: Why?", "A: Because.", "Q: Is it?", "Yes."), ["»Why?", "»Because.", "»Is it?", "Yes."]),
        (("主持人：你好", "嘉宾：你好", "主持人：再见"), ["»你好", "»你好", "»再见"]),
        ((">> Jimmy: WE'RE BACK", "SO: HE SAID", "THE END: NO"), ["»WE'RE BACK", "SO: HE SAID", "THE END: NO"]),
        (("JIM: YES", "ANN: NO", "JIM: SO", "ANN: OH", *["WELL, WELL"] * 9), ["»YES", "»NO", "»SO", "»OH"]),
    ],
)
def test_other_words_are_names_if_they_recur_as_names_do(cues: tuple[str, ...], expected: list[str]) -> None:
    assert named(*cues)[: len(expected)] == expected


@pytest.mark.parametrize(
    "cue",
    [
        "It was 12:30 when he came.",
        "Note: this is good.",
        "I said: come here.",
        "He left. Warning: do not go.",
        "WARNING: hot",
        "STEP 2: go on",
        "Remember: stay calm",
        "London: a city",
        "http://example.org is it",
        "according to|NASA: the moon is far",
        "[Laughs] So",
        "Matthew 5:3 says so",
        "At 5: we leave the house",
        "Psalm 23: the song",
    ],
)
def test_other_words_before_a_colon_stay(cue: str) -> None:
    assert named(cue, "So it is.", "We went home.", "And we slept.")[0] == cue.replace("|", " ")


def test_a_number_is_no_name_in_a_transcript_either() -> None:
    lines = ("Joy: We went.", "Bill: Where?", "Joy: Home.", "At 5: we leave.", "Bill: So late?")
    assert named(*lines)[3] == "At 5: we leave."


def test_names_in_rolling_captions_are_removed_and_times_stay() -> None:
    cues = [
        Cue(1, 0, 2_000, ("&gt;&gt;<00:00:00.500><c> J</c><00:00:00.600><c>im</c>: <00:00:01.000><c>so</c>",)),
        Cue(2, 2_000, 2_010, ("&gt;&gt; Jim: so",)),
        Cue(3, 2_010, 4_000, ("&gt;&gt; Jim: so", "ANN:<00:00:03.000> no<00:00:03.500> way")),
        Cue(4, 4_000, 6_000, ("ANN: no way", "ANN: or<00:00:05.000> so")),
    ]
    lines = unroll(as_voices(cues), by_word=True)
    assert [marked(line) for line in lines] == ["»so", "»no way", "or so"]
    assert [line.words[0].start_ms for line in lines] == [1_000, 3_000, 4_000]


def test_a_name_does_not_vote() -> None:
    text = "1\n00:00:01,000 --> 00:00:04,000\nJOY: We waited at the station for hours.\n"
    for by_word in (True, False):
        parsed = caption_file.read(text.encode(), "srt", 60.0, 0.5, by_word=by_word)
        assert [span.text for span in parsed.spoken] == ["We waited at the station for hours."]
